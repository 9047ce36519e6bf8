import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe } from "vitest";
import { neighbourSuite, restartSuite } from "../suites/restart-suite.ts";
import {
  type GatewayUnderTest,
  type StartedGateway,
  serviceAddresses,
  startGatewayOf,
  startGatewayUnderTest,
} from "../support/gateway-under-test.ts";
import { UNLIMITED } from "../support/unlimited.ts";

describe("a gateway that stays while services come and go", () => {
  // Without what is kept, from which reads would be answered while their service is away.
  restartSuite(() => startGatewayUnderTest({ env: { ...UNLIMITED, CACHE_TTL: "0" } }));
});

describe("gateways side by side", () => {
  const secret = randomBytes(32).toString("hex");
  let whole: GatewayUnderTest;
  const others: StartedGateway[] = [];
  beforeAll(async () => {
    whole = await startGatewayUnderTest({ env: { ...UNLIMITED, JWT_SECRET: secret } });
    const common = { ...UNLIMITED, ...serviceAddresses(whole.platform) };
    // Port 1 (tcpmux) has had nobody behind it for decades.
    others.push(await startGatewayOf({ ...common, JWT_SECRET: secret, TASK_SERVICE_URL: "127.0.0.1:1" }));
    others.push(await startGatewayOf(common));
  });
  afterAll(async () => {
    await Promise.all(others.map((gateway) => gateway.stop()));
    await whole.stop();
  });

  neighbourSuite(() => ({ whole: whole.url, lame: others[0]!.url, stranger: others[1]!.url }));
});
