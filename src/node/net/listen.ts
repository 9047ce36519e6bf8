import type { AddressInfo, Server } from "node:net";

export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** Nobody can be let in at the address that the configuration names. One line says why. */
export class ListenError extends Error {
  override name = "ListenError";
}

/** Answers where a client on this machine reaches the server. Rejects with a ListenError, which names the variables that say where. */
export function listen(server: Server, { host, port }: ListenAddress, variables: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "EADDRINUSE" ? "the port is in use" : cause.message;
      reject(new ListenError(`cannot listen on ${host}:${port} (${variables}): ${why}`, { cause }));
    };
    server.once("error", fail);
    server.listen(port, host, () => {
      server.off("error", fail);
      resolve(urlOf(server.address() as AddressInfo, host));
    });
  });
}

function urlOf({ port }: AddressInfo, host: string): string {
  const everywhere = host === "0.0.0.0" || host === "::";
  return `http://${everywhere ? "localhost" : host.includes(":") ? `[${host}]` : host}:${port}`;
}
