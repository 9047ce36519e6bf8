import { Agent, get, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, constants } from "node:http2";
import { describe, expect, test } from "vitest";
import { runService } from "#platform/net/running-service.ts";
import { createSharedPort } from "#src/node/net/shared-port.ts";

/** A service that answers when the test does. */
async function startService(graceMs: number) {
  const { promise: request, resolve } = Promise.withResolvers<ServerResponse>();
  const port = createSharedPort((_request, response) => resolve(response));
  const labels = { label: "test-service", portVariable: "PLATFORM_TEST_PORT" };
  const service = await runService({ ...port, host: "127.0.0.1", port: 0, graceMs, ...labels });
  return { service, request };
}

/** Ways to ask, each answering the body, or what went wrong. */
const clients = {
  async "HTTP/1.1"(url: string): Promise<string> {
    // Kept alive, as a client would that has more to ask: the connection must not hold up the stop.
    const agent = new Agent({ keepAlive: true });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(url, { agent }, resolve).on("error", reject);
    });
    return (await response.setEncoding("utf8").toArray()).join("");
  },
  async "HTTP/2"(url: string): Promise<string> {
    const session = connect(url);
    const stream = session.request({ ":path": "/" });
    const body = (await stream.setEncoding("utf8").toArray()).join("");
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw new Error(`reset with ${stream.rstCode}`);
    return body;
  },
};

describe.each(Object.entries(clients))("stop, %s", (_name, ask) => {
  test("lets a call in flight end, and then closes its connection", async () => {
    // So long that only the end of the call can explain the end of the service.
    const { service, request } = await startService(600_000);
    const answer = ask(service.url);
    const response = await request;
    const stopped = service.stop();
    response.end("at last");
    expect(await answer).toBe("at last");
    await stopped;
  });

  test("drops a call that does not end", async () => {
    const { service, request } = await startService(20);
    const answer = ask(service.url).catch((error: unknown) => error);
    await request;
    await service.stop();
    expect(await answer).toBeInstanceOf(Error);
  });
});
