import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface RawServer {
  readonly port: number;
  connectionCount(): number;
  stop(): Promise<void>;
}

/** A server of bare sockets that does with each what it is told. It stops when the test has finished. */
export async function startRawServer(onSocket: (socket: Socket) => void, port = 0): Promise<RawServer> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    onSocket(socket);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
    return stopped;
  };
  onTestFinished(stop);
  return { port: (server.address() as AddressInfo).port, connectionCount: () => sockets.length, stop };
}
