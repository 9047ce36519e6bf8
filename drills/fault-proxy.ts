import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What a way to a service can be like. */
export type Fault =
  | "none"
  /** Nobody listens: connections are refused, and those that were there are gone. */
  | "refuse"
  /** Connections are taken, nothing moves in either direction: a host that swallows packets. */
  | "hang"
  /** Everything comes this much later. */
  | { readonly delayMs: number };

/** A way to a service that can be broken and mended, as a network breaks: below any protocol. */
export interface FaultProxy {
  /** `127.0.0.1:port`, the same for its whole life. */
  readonly address: string;
  set(fault: Fault): Promise<void>;
  stop(): Promise<void>;
}

/** Listens on a port that the system chose and passes everything on to a port of this machine. */
export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  let fault: Fault = "none";
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ port: targetPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      if (fault === "hang") from.pause();
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on("data", (chunk) => later(fault, () => to.write(chunk)));
      from.on("end", () => later(fault, () => to.end()));
    }
  });
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;

  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${port}`,
    async set(next) {
      const refusedBefore = fault === "refuse";
      fault = next;
      if (next === "refuse" && !refusedBefore) {
        server.close();
        drop();
      }
      if (next !== "refuse" && refusedBefore) await listen(server, port);
      for (const socket of sockets) {
        if (next === "hang") socket.pause();
        else socket.resume();
      }
    },
    async stop() {
      drop();
      if (server.listening) server.close();
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}

function later(fault: Fault, act: () => void): void {
  if (typeof fault === "object") setTimeout(act, fault.delayMs);
  else act();
}
