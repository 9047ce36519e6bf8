import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/**
 * A port of this machine on which nobody listens, for programs that cannot let the system choose one when they start.
 * Until they do, somebody else can take it: they say so, and whoever starts them tries again.
 */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
