import { type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { canonicalPath, UNROUTABLE_PATH } from "#src/rest/canonical-path.ts";

/** What a raw request target becomes on its way through Node and @hono/node-server. A status is a refusal by them. */
const ROWS: readonly (readonly [target: string, outcome: string, because: string])[] = [
  ["/v1/a%2Fb?x=1", "/v1/a%2Fb", "nothing is decoded"],
  ["/v1/%zz", "/v1/%zz", "malformed encoding passes: the binder answers it"],
  ["/v1/a/../b", "/v1/b", "dot segments are resolved"],
  ["/v1/a/%2e%2e/b", "/v1/b", "encoded ones too"],
  ["/v1/a/..%2fb", "/v1/a/..%2fb", "but not half encoded ones: that is one segment"],
  ["/../../etc/passwd", "/etc/passwd", "never above the root"],
  ["//evil.test/v1", UNROUTABLE_PATH, "two slashes in front are a path, not a host"],
  ["/v1//a", UNROUTABLE_PATH, "and are not collapsed"],
  ["/v1/a#b", "/v1/a", "a fragment that should never have been sent"],
  ["/v1/{id}", "/v1/%7Bid%7D", "what may not stand in a URL is encoded"],
  ["http://other.test/v1/a", "/v1/a", "a proxy's absolute form"],
  ["/v1\\a", "400", "a backslash is refused before it could become a slash"],
  ["*", "400", "the asterisk of OPTIONS names no path"],
];

let server: Server;

beforeAll(async () => {
  server = createAdaptorServer({ fetch: ({ url }) => new Response(canonicalPath(url)) }) as Server;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(() => {
  server.close();
});

test.each(ROWS)("%s is %s: %s", async (target, outcome) => {
  expect(await send(target)).toBe(outcome);
});

/** `fetch` would clean the target up; `node:http` sends it as it is. */
async function send(path: string): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, agent: false }, resolve).on("error", reject).end();
  });
  const chunks = await response.toArray();
  return response.statusCode === 200 ? Buffer.concat(chunks).toString() : String(response.statusCode);
}
