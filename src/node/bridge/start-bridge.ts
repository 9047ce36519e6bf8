import type { Socket } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Lifecycle } from "../../ports.ts";
import { createLogger } from "../../telemetry/logger.ts";
import { HTTP1_LIMITS, MAX_CONNECTIONS } from "../net/http-limits.ts";
import { listen } from "../net/listen.ts";
import { createSharedPort, type SharedPort } from "../net/shared-port.ts";
import { openLog } from "../open-log.ts";
import type { RunningGateway, StartOptions } from "../start-gateway.ts";
import { createNodeTransports } from "../transports.ts";
import { loadBridgeConfig } from "./bridge-config.ts";
import { createBridgeListener } from "./bridge-listener.ts";

/** What a peer can hold of an HTTP/2 connection. The memory, in MiB, is for a few of the largest messages. */
const HTTP2_LIMITS = {
  settings: { maxConcurrentStreams: 250, maxHeaderListSize: HTTP1_LIMITS.maxHeaderSize },
  maxSessionMemory: 64,
};

/**
 * Starts the bridge in this process: Connect and gRPC-Web in, over HTTP/1.1 and h2c on one port, gRPC out. Rejects with
 * a ConfigError, or a ListenError.
 */
export async function startBridge({ env, writeLog = openLog() }: StartOptions): Promise<RunningGateway> {
  const config = loadBridgeConfig(env);
  const logger = createLogger({ level: config.logLevel, write: writeLog, now: Date.now, service: "bridge" });
  const { transports, close } = createNodeTransports(config.services);
  let lifecycle: Lifecycle = "starting";
  const streams = new AbortController();
  const listener = createBridgeListener(config, {
    transports,
    logger,
    lifecycle: () => lifecycle,
    endStreams: streams.signal,
  });
  const port = createSharedPort(listener, {
    http1: HTTP1_LIMITS,
    http2: HTTP2_LIMITS,
    idleTimeoutMs: HTTP1_LIMITS.keepAliveTimeout,
    maxConnections: MAX_CONNECTIONS,
  });
  const sockets = socketsOf(port);
  const url = await listen(port.server, config, "BRIDGE_HOST, BRIDGE_PORT").catch((error: unknown) => {
    close();
    throw error;
  });
  lifecycle = "ready";
  logger.log("info", "listening", { url });

  return {
    url,
    logger,
    async stop() {
      lifecycle = "stopping";
      streams.abort(new ConnectError("The bridge is stopping.", Code.Unavailable));
      const drained = await drain(port, sockets, config.shutdownGraceMs);
      close();
      return drained;
    },
  };
}

function socketsOf({ server }: SharedPort): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}

/** Waits for running calls, then cuts what is left. */
async function drain(port: SharedPort, sockets: ReadonlySet<Socket>, graceMs: number): Promise<boolean> {
  let cut = false;
  const timer = setTimeout(() => {
    cut = true;
    for (const socket of sockets) socket.destroy();
  }, graceMs);
  const closed = new Promise((resolve) => port.server.close(resolve));
  await port.drain();
  await closed;
  clearTimeout(timer);
  return !cut;
}
