import { createServer as createHttp1Server, type RequestListener } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { protocolOf } from "./http-preface.ts";

/** Limits of a shared port; the defaults suit a local run. */
export interface SharedPortOptions {
  /** How long a peer may take until its first bytes tell what it speaks, in milliseconds. Default 10 000. */
  firstBytesTimeoutMs?: number;
}

/**
 * A TCP server that speaks HTTP/1.1 and, to clients that begin with it, HTTP/2 without TLS, on the same port.
 *
 * Node's HTTP/2 server can fall back to HTTP/1.1 only where TLS has negotiated it. So a plain TCP server looks at the
 * first bytes, puts them back, and hands the socket to the one of two servers that never listen themselves: emitting
 * `connection` is the documented way to do so.
 */
export function createSharedPort(listener: RequestListener, options: SharedPortOptions = {}): Server {
  const { firstBytesTimeoutMs = 10_000 } = options;
  const http1 = createHttp1Server({ headersTimeout: 10_000 }, listener);
  // The adapter behind the listener takes requests of both; Node's types for them are separate.
  const http2 = createHttp2Server(listener as unknown as Parameters<typeof createHttp2Server>[1]);
  // An HTTP/1.1 server watches over its time limits from when it listens, which this one never does.
  http1.emit("listening");

  // Half-open, as Node's HTTP server wants it: a client may end its side and still read the answer.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    // A peer that vanishes is no news, at any time; without a listener it would end the process.
    socket.on("error", () => {});
    handOver(socket, firstBytesTimeoutMs, {
      h2c: () => http2.emit("connection", socket),
      "http/1.1": () => http1.emit("connection", socket),
    });
  });
  // `close` ends their timers; that they never listened is an error they only tell a callback.
  server.on("close", () => {
    http1.close();
    http2.close();
  });
  return server;
}

/** Reads until the bytes tell the protocol, puts them back and calls its taker. Gives up on a peer that ends or waits. */
function handOver(socket: Socket, timeoutMs: number, takers: Record<"h2c" | "http/1.1", () => void>): void {
  let seen: Buffer = Buffer.alloc(0);
  const giveUp = () => socket.destroy();
  const timer = setTimeout(giveUp, timeoutMs);
  const stop = () => {
    clearTimeout(timer);
    socket.off("readable", look);
    socket.off("end", giveUp);
    socket.off("close", stop);
  };
  function look(): void {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
      seen = Buffer.concat([seen, chunk]);
    }
    const protocol = protocolOf(seen);
    if (protocol === undefined) return;
    stop();
    socket.unshift(seen);
    takers[protocol]();
  }
  socket.on("readable", look);
  socket.on("end", giveUp);
  socket.on("close", stop);
}
