import { createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe } from "vitest";
import { developersSuite, presenceFailsSuite } from "../suites/developers-suite.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { UNLIMITED } from "../support/unlimited.ts";

describe("with everything well", () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGatewayUnderTest({ env: UNLIMITED });
  });
  afterAll(() => gateway.stop());

  developersSuite(() => gateway);
});

describe("with the Presence Service gone", () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGatewayUnderTest({ env: UNLIMITED });
    await gateway.platform.services.presence.stop();
  });
  afterAll(() => gateway.stop());

  presenceFailsSuite(() => gateway, "UNAVAILABLE");
});

describe("with a Presence Service that takes calls and never answers", () => {
  const sockets = new Set<Socket>();
  let silent: Server;
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    silent = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    const env = { ...UNLIMITED, PRESENCE_SERVICE_URL: `http://127.0.0.1:${port}` };
    gateway = await startGatewayUnderTest({ env });
  });
  afterAll(async () => {
    await gateway.stop();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  presenceFailsSuite(() => gateway, "DEADLINE_EXCEEDED");
});
