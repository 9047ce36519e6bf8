import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe } from "vitest";
import { type RunningGateway, startGateway } from "#src/node/start-gateway.ts";
import { neighbourSuite, restartSuite } from "../suites/restart-suite.ts";
import { type GatewayUnderTest, serviceAddresses, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { UNLIMITED } from "../support/unlimited.ts";

describe("a gateway that stays while services come and go", () => {
  restartSuite(() => startGatewayUnderTest({ env: UNLIMITED }));
});

describe("gateways side by side", () => {
  const secret = randomBytes(32).toString("hex");
  let whole: GatewayUnderTest;
  const others: RunningGateway[] = [];
  beforeAll(async () => {
    whole = await startGatewayUnderTest({ env: { ...UNLIMITED, JWT_SECRET: secret } });
    const common = {
      ...UNLIMITED,
      GATEWAY_HOST: "127.0.0.1",
      GATEWAY_PORT: "0",
      SHUTDOWN_GRACE: "5",
      ...serviceAddresses(whole.platform),
    };
    const writeLog = () => {};
    // Port 1 (tcpmux) has had nobody behind it for decades.
    const lame = { ...common, JWT_SECRET: secret, TASK_SERVICE_URL: "127.0.0.1:1" };
    others.push(await startGateway({ env: lame, writeLog }));
    others.push(await startGateway({ env: { ...common, JWT_SECRET: randomBytes(32).toString("hex") }, writeLog }));
  });
  afterAll(async () => {
    await Promise.all(others.map((gateway) => gateway.stop()));
    await whole.stop();
  });

  neighbourSuite(() => ({ whole: whole.url, lame: others[0]!.url, stranger: others[1]!.url }));
});
