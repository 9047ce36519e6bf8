import type { AddressInfo, Server, Socket } from "node:net";
import { StartError } from "../start-error.ts";

/** A service that listens. */
export interface RunningService {
  /** Where a client on this machine reaches it: `http://127.0.0.1:50051`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Lets calls in flight end for a moment, then drops every connection and frees the port. */
  stop(): Promise<void>;
}

/** What to run, and where. */
export interface RunServiceOptions {
  server: Server;
  host: string;
  /** 0 lets the system choose. */
  port: number;
  /** For the message about a port that is taken: what is being started, and the variable that moves it. */
  label: string;
  portVariable: string;
  /** Asks calls in flight to end, settles when they have, and lets go of idle connections. */
  drain(): Promise<void>;
  /** How long `stop` waits for that, in milliseconds. Default 500: clients of a local platform lose little. */
  graceMs?: number;
}

/** Listens, and settles once the port answers. */
export async function runService(options: RunServiceOptions): Promise<RunningService> {
  const { server, host, drain, graceMs = 500 } = options;
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const { port } = await listen(options);

  let stopped: Promise<void> | undefined;
  async function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await within(graceMs, Promise.all([closed, drain()]));
    for (const socket of sockets) socket.destroy();
    await closed;
  }
  return { url: urlOf(host, port), host, port, stop: () => (stopped ??= stop()) };
}

function listen({ server, host, port, label, portVariable }: RunServiceOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    // Stays for the server's life: once it listens, an error is a single connection that could not be accepted.
    server.on("error", (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "EADDRINUSE" ? "the port is in use" : cause.message;
      reject(new StartError(`${label} cannot listen on ${host}:${port}: ${why} (${portVariable} moves it)`, { cause }));
    });
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

/** A wildcard is no address to connect to, and an IPv6 address stands in brackets. */
function urlOf(host: string, port: number): string {
  if (host === "0.0.0.0" || host === "::") return `http://127.0.0.1:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, timeUp]);
  clearTimeout(timer);
}
