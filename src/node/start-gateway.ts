import type { Server } from "node:http";
import { setTimeout } from "node:timers/promises";
import { createAdaptorServer, type Http2Bindings, type HttpBindings } from "@hono/node-server";
import { loadConfig } from "../config.ts";
import { createGateway } from "../gateway.ts";
import type { Lifecycle } from "../ports.ts";
import { createErrorReporter, type ErrorReporter } from "../telemetry/error-reports.ts";
import { createLogger, type Logger } from "../telemetry/logger.ts";
import { createMemoryBreaker } from "../upstream/memory-breaker.ts";
import { makeDrainable } from "./net/drain.ts";
import { HTTP1_LIMITS, limitConnections } from "./net/http-limits.ts";
import { listen } from "./net/listen.ts";
import { malformationOf } from "./net/malformed.ts";
import { openLog } from "./open-log.ts";
import { openRedis } from "./open-redis.ts";
import { startOverloadGuard } from "./overload.ts";
import { createNodeTransports } from "./transports.ts";

export interface StartOptions {
  /** The variables of contract.md section 5. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Takes one line of the log; standard output unless told. */
  readonly writeLog?: (line: string) => void;
  /** Whether a request that has just come is one too many; unless told, while this process is late with everything. */
  readonly shouldShed?: () => boolean;
}

export interface RunningGateway {
  /** With the port that the system chose, where it did. */
  readonly url: string;
  readonly logger: Logger;
  /** Hears of what nobody caught. */
  readonly errorReporter?: ErrorReporter;
  /**
   * Sends clients elsewhere for SHUTDOWN_DELAY, then takes no more requests, lets running ones finish for at most
   * SHUTDOWN_GRACE, and answers whether all of them did.
   */
  stop(): Promise<boolean>;
}

/** Starts the gateway in this process. Rejects with a ConfigError, or a ListenError. */
export async function startGateway({ env, writeLog = openLog(), shouldShed }: StartOptions): Promise<RunningGateway> {
  const config = loadConfig(env, { protocol: "grpc" });
  const logger = createLogger({ level: config.logLevel, write: writeLog, now: Date.now });
  const { transports, close: closeTransports } = createNodeTransports(config.services, config);
  const { redis, close: closeRedis } = openRedis(config);
  const close = () => {
    closeTransports();
    closeRedis();
  };
  const overload = startOverloadGuard();
  let lifecycle: Lifecycle = "starting";
  const streams = new AbortController();
  const background = new Set<Promise<void>>();
  const keepAlive = (work: Promise<void>) => {
    background.add(work);
    void work.finally(() => background.delete(work));
  };
  const errorReporter = createErrorReporter({
    dsn: config.sentryDsn,
    environment: config.sentryEnvironment,
    runtime: "node",
    fetch: globalThis.fetch,
    keepAlive,
    now: Date.now,
    logger,
  });
  const gateway = await createGateway(config, {
    now: Date.now,
    writeLog,
    transports,
    createBreaker: (_service, setup) => createMemoryBreaker(setup),
    fetch: globalThis.fetch,
    redis,
    keepAlive,
    errorReporter,
    sharesWork: true,
    lifecycle: () => lifecycle,
    stopping: streams.signal,
    shouldShed: shouldShed ?? overload.shouldShed,
  });
  const answer = async (request: Request, { incoming }: HttpBindings | Http2Bindings) => {
    const response = await gateway.fetch(request, {
      peerAddress: incoming.socket.remoteAddress,
      malformed: malformationOf(incoming),
    });
    // So that the client comes back on another connection, to another instance.
    if (lifecycle === "stopping") response.headers.set("Connection", "close");
    return response;
  };
  // The name is for HTTP/1.0, which needs no Host: HAProxy's health checks speak it unless told otherwise.
  const server = createAdaptorServer({ fetch: answer, serverOptions: HTTP1_LIMITS, hostname: "localhost" }) as Server;
  limitConnections(server);
  const drain = makeDrainable(server);
  const url = await listen(server, config, "GATEWAY_HOST, GATEWAY_PORT").catch((error: unknown) => {
    close();
    throw error;
  });
  lifecycle = "ready";
  logger.log("info", "listening", { url });
  if (redis === undefined)
    logger.log(
      "warn",
      "sessions are kept in this process, and so are limits: they end with it, and other instances do not know them",
    );

  return {
    url,
    logger,
    errorReporter,
    async stop() {
      lifecycle = "stopping";
      // A closed door is how most balancers learn that we are going, one lost request each: so we tell them first.
      if (config.shutdownDelayMs > 0) await setTimeout(config.shutdownDelayMs);
      // Now, when nobody is sent here any more: whoever comes again comes to another instance.
      streams.abort();
      const drained = await drain(config.shutdownGraceMs);
      await Promise.all(background);
      close();
      overload.stop();
      return drained;
    },
  };
}
