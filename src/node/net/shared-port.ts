import { createServer as createHttp1Server, type ServerOptions as Http1Options, type RequestListener } from "node:http";
import { createServer as createHttp2Server, type ServerOptions as Http2Options } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { createCallsInFlight } from "./calls-in-flight.ts";
import { type Protocol, protocolOf } from "./http-preface.ts";

/** Limits of a shared port; the defaults suit a local run. */
export interface SharedPortOptions {
  /** How long a peer may take until its first bytes tell what it speaks, in milliseconds. Default 10 000. */
  firstBytesTimeoutMs?: number;
  /** Node's own limits for HTTP/1.1. Default: 10 seconds for the head of a request. */
  http1?: Http1Options;
  /** Node's own limits for HTTP/2. */
  http2?: Http2Options;
  /** An HTTP/2 connection on which nothing has moved for so long takes no more requests, and goes. Default: never. */
  idleTimeoutMs?: number;
  /** What is beyond is closed at once. Default: as many as there are. */
  maxConnections?: number;
}

/** A server for two protocols. */
export interface SharedPort {
  readonly server: Server;
  /** Closes connections as they become idle, and settles when every request that has come is answered. */
  drain(): Promise<void>;
}

/**
 * A TCP server that speaks HTTP/1.1 and, to clients that begin with it, HTTP/2 without TLS, on the same port.
 *
 * Node's HTTP/2 server can fall back to HTTP/1.1 only where TLS has negotiated it. So a plain TCP server looks at the
 * first bytes, puts them back, and hands the socket to the one of two servers that never listen themselves: emitting
 * `connection` is the documented way to do so.
 */
export function createSharedPort(listener: RequestListener, options: SharedPortOptions = {}): SharedPort {
  const { firstBytesTimeoutMs = 10_000, http1: http1Options = { headersTimeout: 10_000 }, idleTimeoutMs } = options;
  const calls = createCallsInFlight();
  const counted: RequestListener = (request, response) => {
    calls.add(response);
    listener(request, response);
  };
  const http1 = createHttp1Server(http1Options, counted);
  // A listener on Node's compatible API takes requests of both; the types of the two are separate.
  const http2 = createHttp2Server(options.http2 ?? {}, counted as unknown as Parameters<typeof createHttp2Server>[1]);
  if (idleTimeoutMs !== undefined) {
    http2.on("session", (session) => session.setTimeout(idleTimeoutMs, () => session.close()));
  }
  const undecided = new Set<Socket>();

  // Half-open, as Node's HTTP server wants it: a client may end its side and still read the answer.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    // A peer that vanishes is no news, at any time; without a listener it would end the process.
    socket.on("error", () => {});
    undecided.add(socket);
    handOver(socket, firstBytesTimeoutMs, (protocol) => {
      undecided.delete(socket);
      if (protocol === "h2c") http2.emit("connection", socket);
      if (protocol === "http/1.1") http1.emit("connection", socket);
    });
  });
  if (options.maxConnections !== undefined) server.maxConnections = options.maxConnections;
  // An HTTP/1.1 server watches over its time limits from when it listens, which this one never does by itself.
  server.on("listening", () => http1.emit("listening"));

  /** Says goodbye to HTTP/2 clients, and closes what is idle. That these two never listened is no error here. */
  function windDown(): void {
    for (const socket of undecided) socket.destroy();
    http1.close();
    http2.close();
  }
  return {
    server,
    async drain() {
      windDown();
      await calls.ended();
      // And what has become idle since: HTTP/1.1 would keep such a connection for the next request.
      windDown();
    },
  };
}

/**
 * Reads until the bytes tell the protocol, puts them back and hands the socket over. Gives up, with no protocol, on a
 * peer that ends or waits.
 */
function handOver(socket: Socket, timeoutMs: number, take: (protocol: Protocol | undefined) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const giveUp = () => socket.destroy();
  const timer = setTimeout(giveUp, timeoutMs);
  function decide(protocol: Protocol | undefined): void {
    clearTimeout(timer);
    socket.off("readable", look).off("end", giveUp).off("close", decideNone);
    take(protocol);
  }
  const decideNone = () => decide(undefined);
  function look(): void {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
      seen = Buffer.concat([seen, chunk]);
    }
    const protocol = protocolOf(seen);
    if (protocol === undefined) return;
    socket.unshift(seen);
    decide(protocol);
  }
  socket.on("readable", look).on("end", giveUp).on("close", decideNone);
}
