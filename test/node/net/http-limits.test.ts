import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { HTTP1_LIMITS, limitConnections } from "#src/node/net/http-limits.ts";
import { startGatewayUnderTest } from "../../support/gateway-under-test.ts";

describe("a client that holds a connection of the gateway", () => {
  const start = async () => {
    const gateway = await startGatewayUnderTest();
    onTestFinished(() => gateway.stop());
    return new URL(gateway.url);
  };

  /** What the gateway says until it closes the connection. */
  const say = async ({ hostname, port }: URL, ...parts: readonly string[]): Promise<string> => {
    const socket = connect(Number(port), hostname);
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => {});
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    for (const part of parts) socket.write(part);
    await once(socket, "close");
    return answer;
  };

  test("by a head that does not end is answered 408 and let go", async () => {
    expect(await say(await start(), "GET /health HTTP/1.1\r\nHost: gateway.test\r\nX-Slow: ")).toMatch(
      /^HTTP\/1\.1 408 /,
    );
  });

  test("by a head that is too large is answered 431", async () => {
    const header = `X-Large: ${"a".repeat(HTTP1_LIMITS.maxHeaderSize)}\r\n\r\n`;
    expect(await say(await start(), `GET /health HTTP/1.1\r\nHost: gateway.test\r\n${header}`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });

  test("with two hosts, of which a proxy might have read the other, is answered 400 with a problem", async () => {
    const head = "GET /health HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\nhost: other.test\r\n\r\n";
    const answer = await say(await start(), head);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n{")))).toMatchObject({
      code: "VALIDATION_ERROR",
      detail: "The request is not valid: has more than one Host header",
      instance: "/health",
    });
  });

  test.each([
    ["two lengths", "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"],
    ["a length and chunks", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["a line that is folded", "X-Folded: a\r\n b\r\n\r\n"],
    ["a name with a space", "X Bad: a\r\n\r\n"],
    ["a bare line feed", "X-Bad: a\nX-Worse: b\r\n\r\n"],
  ])("with %s, which a proxy might read otherwise, is answered 400 and let go", async (_name, rest) => {
    const head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: application/json\r\n";
    expect(await say(await start(), head + rest)).toMatch(/^HTTP\/1\.1 400 /);
  });
});

test("connections are bounded in number and in requests", () => {
  const server = createServer();
  limitConnections(server);
  expect([server.maxConnections, server.maxRequestsPerSocket]).toEqual([10_000, 10_000]);
});

test("a connection beyond the limit is closed, and the others go on", async () => {
  const server = createServer((_request, response) => response.end());
  limitConnections(server);
  server.maxConnections = 1;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const first = connect(port, "127.0.0.1");
  onTestFinished(() => void first.destroy());
  await once(first, "connect");
  const second = connect(port, "127.0.0.1");
  second.on("error", () => {});
  await once(second, "close");
  first.write("GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n");
  expect(String((await once(first, "data"))[0])).toMatch(/^HTTP\/1\.1 200 /);
});
