import type { Server } from "node:http";
import type { Socket } from "node:net";

const IDLE_CHECK_MS = 100;
/** Who has connected just now may be about to ask. */
const UNASKED_GRACE_MS = 1_000;

/** Ends a server: takes no more connections, waits for running requests, cuts what is left, and answers whether nothing was. */
export type Drain = (graceMs: number) => Promise<boolean>;

/**
 * Makes a server one that can be drained; to be called before it listens. Node's own `close` closes what is idle at that
 * moment, and no more: not a connection whose answer ends later, which stays open for as long as its client likes, and
 * not one that nobody has asked anything on, as browsers and clients keep in reserve.
 */
export function makeDrainable(server: Server): Drain {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });

  return (graceMs) =>
    new Promise((resolve) => {
      let cut = false;
      const startedAtMs = performance.now();
      const timer = setTimeout(() => {
        cut = true;
        server.closeAllConnections();
      }, graceMs);
      const idleCheck = setInterval(() => {
        server.closeIdleConnections();
        if (performance.now() - startedAtMs < UNASKED_GRACE_MS) return;
        for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
      }, IDLE_CHECK_MS);
      server.close(() => {
        clearTimeout(timer);
        clearInterval(idleCheck);
        resolve(!cut);
      });
    });
}
