import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TestProject } from "vitest/node";

/**
 * For tests inside workerd, which cannot listen: an ingest in Node. A DSN's path says how it behaves: `/fine/42`,
 * `/fails/42`, `/hangs/42`, `/breaks/42`. A GET of `/received/KEY` answers the bodies that came with this key.
 */
export default async function provideIngest(project: TestProject): Promise<() => Promise<void>> {
  const received = new Map<string, string[]>();
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://ingest.test");
    const [, behaviour = "", name = ""] = pathname.split("/");
    if (behaviour === "received") {
      response.end(JSON.stringify(received.get(name) ?? []));
      return;
    }
    const key = searchParams.get("sentry_key") ?? "";
    received.set(key, [...(received.get(key) ?? []), await text(request)]);
    if (behaviour === "breaks") response.destroy();
    else if (behaviour !== "hangs") response.writeHead(behaviour === "fine" ? 200 : 500).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  project.provide("ingestPort", (server.address() as AddressInfo).port);
  return async () => {
    server.closeAllConnections();
    server.close();
  };
}
