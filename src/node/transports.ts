import http from "node:http";
import type { Http2Session } from "node:http2";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import type { Interceptor, Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import type { ServiceAddress } from "../config.ts";
import { UPSTREAM_SERVICES, type UpstreamService } from "../upstream/services.ts";
import { createGrpcUnary } from "./grpc/grpc-unary.ts";
import { SessionPool } from "./net/session-pool.ts";

export interface NodeTransports {
  readonly transports: Readonly<Record<UpstreamService, Transport>>;
  /** Drops every connection; calls under way fail. */
  close(): void;
}

/** More than any answer of the platform; a service that sends more is broken or hostile. */
const READ_MAX_BYTES = 16 * 1_048_576;
/** One lost SYN costs a second; a host that has not taken the connection after two is not there. */
const CONNECT_TIMEOUT_MS = 2_000;
/**
 * Node counts what waits to be sent, 10 MiB unless told, and beyond it refuses the answers' headers. A service that
 * refuses one request of that size before it has read it all would then end every later call of the session. What
 * bounds memory is how many calls there are and how large they may be.
 */
const SESSION_MEMORY_MIB = 2_000;
/** After so long without a word the system asks whether the other side of a connection is still there. */
const KEEP_ALIVE_MS = 30_000;

interface ConnectionOptions {
  /** How often a session that is silent while something waits for it is asked with a PING. */
  readonly pingIntervalMs: number;
  /** How many HTTP/1.1 connections there may be. */
  readonly maxSockets: number;
  /** Whether there are more streams at once than one HTTP/2 session takes. */
  readonly pooled: boolean;
}

const FOR_CALLS: ConnectionOptions = { pingIntervalMs: 30_000, maxSockets: 100, pooled: false };
/** grpc-go takes a PING more often than every five minutes for an attack while nothing else is said, and ends the session. */
const FOR_STREAMS: ConnectionOptions = { pingIntervalMs: 330_000, maxSockets: 1_000, pooled: true };

/**
 * One transport a service. gRPC goes over kept HTTP/2 sessions, h2c where the address is http; a service that is silent
 * for long is asked with a PING before the next call trusts the connection. Unary calls are ours, because
 * Connect's cost four times as much and a request with them twice as much (bench/upstream-call.ts). Streams are
 * Connect's, and so are the sessions of both: it reconnects, and sees to GOAWAY and PINGs, for 1.5 µs a call. Connect
 * and gRPC-Web go over HTTP/1.1, which proxies and libraries that speak them all understand.
 *
 * Streams have connections of their own: Envoy and others take a hundred or a thousand streams a session, and those who
 * listen for hours would leave no room for those who ask.
 */
export function createNodeTransports(
  services: Readonly<Record<UpstreamService, ServiceAddress>>,
  { bridgeSecret }: { readonly bridgeSecret?: string | undefined } = {},
): NodeTransports {
  const closers: (() => void)[] = [];
  const rows = UPSTREAM_SERVICES.map(({ key }) => {
    const { transport, close } = createNodeTransport(services[key], bridgeSecret);
    closers.push(close);
    return [key, transport] as const;
  });
  return {
    transports: Object.fromEntries(rows) as Record<UpstreamService, Transport>,
    close: () => {
      for (const close of closers) close();
    },
  };
}

function createNodeTransport(
  address: ServiceAddress,
  bridgeSecret: string | undefined,
): { transport: Transport; close: () => void } {
  const calls = openTransport(address, bridgeSecret, FOR_CALLS);
  const streams = openTransport(address, bridgeSecret, FOR_STREAMS);
  return {
    transport: { unary: calls.transport.unary, stream: streams.transport.stream },
    close() {
      calls.close();
      streams.close();
    },
  };
}

function openTransport(
  { url, protocol }: ServiceAddress,
  bridgeSecret: string | undefined,
  { pingIntervalMs, maxSockets, pooled }: ConnectionOptions,
): { transport: Transport; close: () => void } {
  const common = { baseUrl: url, readMaxBytes: READ_MAX_BYTES };
  if (protocol === "grpc") {
    const open = () =>
      new GuardedSessionManager(
        url,
        { pingIntervalMs, pingTimeoutMs: 5_000 },
        { createConnection, maxSessionMemory: SESSION_MEMORY_MIB },
      );
    const sessionManager = pooled ? new SessionPool(url, open) : open();
    const unary = createGrpcUnary({ ...common, sessions: sessionManager });
    const { stream } = createGrpcTransport({ ...common, sessionManager });
    return { transport: { unary, stream }, close: () => sessionManager.abort() };
  }
  const agentOptions = { keepAlive: true, maxSockets };
  const agent = url.startsWith("https:") ? new https.Agent(agentOptions) : new http.Agent(agentOptions);
  const interceptors = bridgeSecret === undefined ? [] : [showSecret(bridgeSecret)];
  const options = { ...common, httpVersion: "1.1", nodeOptions: { agent }, interceptors } as const;
  const transport = protocol === "connect" ? createConnectTransport(options) : createGrpcWebTransport(options);
  return { transport, close: () => agent.destroy() };
}

/** Shows the bridge's secret to what speaks Connect or gRPC-Web: the services themselves speak gRPC. */
function showSecret(secret: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${secret}`);
    return next(request);
  };
}

/**
 * Connect's manager stops listening to a session that it leaves, and a session may fail after that: a GOAWAY on an idle
 * connection does it whenever a call comes while the socket still closes. Nobody would hear the error but the process,
 * which it would end (connectrpc/connect-es#1768). Here every session keeps one listener to the end; the calls that
 * the error is about learn of it by their streams.
 */
class GuardedSessionManager extends Http2SessionManager {
  readonly #guarded = new WeakSet<Http2Session>();

  override async request(
    ...args: Parameters<Http2SessionManager["request"]>
  ): ReturnType<Http2SessionManager["request"]> {
    const stream = await super.request(...args);
    const { session } = stream;
    if (session !== undefined && !this.#guarded.has(session)) {
      this.#guarded.add(session);
      session.on("error", () => {});
    }
    return stream;
  }
}

/**
 * Opens the connection of an HTTP/2 session, or fails in time. All calls wait for the one session: a host that swallows
 * packets, or a TLS handshake that never ends, would hold up every call long after the host is well again.
 */
function createConnection({ protocol, hostname, port }: URL): net.Socket {
  // Node's sockets take an IPv6 address without the brackets that it has in a URL.
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const secure = protocol === "https:";
  const socket = secure
    ? tls.connect({
        host,
        port: Number(port || 443),
        ALPNProtocols: ["h2"],
        ...(net.isIP(host) === 0 ? { servername: host } : {}),
      })
    : net.connect({ host, port: Number(port || 80) });
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  const timer = setTimeout(() => {
    socket.destroy(Object.assign(new Error("the connection was not made in time"), { code: "ETIMEDOUT" }));
  }, CONNECT_TIMEOUT_MS);
  const stop = () => clearTimeout(timer);
  socket.once(secure ? "secureConnect" : "connect", stop).once("close", stop);
  return socket;
}
