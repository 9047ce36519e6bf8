import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe } from "vitest";
import { operationSuite } from "../suites/operation-suite.ts";
import { type SecretsTarget, secretsSuite } from "../suites/secrets-suite.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { type ScriptedGateway, startScriptedGateway } from "../support/scripted-gateway.ts";
import { UNLIMITED } from "../support/unlimited.ts";

describe("a gateway as its operator sees it", () => {
  let gateway: ScriptedGateway;
  beforeAll(async () => {
    gateway = await startScriptedGateway({ ...UNLIMITED, LOG_LEVEL: "debug" });
  });
  afterAll(() => gateway.stop());

  operationSuite(() => gateway);
});

describe("a gateway that is told secrets", () => {
  const METRICS_TOKEN = `metrics-${randomBytes(16).toString("hex")}`;
  const JWT_SECRET = randomBytes(32).toString("hex");
  let gateway: GatewayUnderTest;
  let target: SecretsTarget;
  beforeAll(async () => {
    gateway = await startGatewayUnderTest({ env: { ...UNLIMITED, LOG_LEVEL: "debug", METRICS_TOKEN, JWT_SECRET } });
    target = {
      ...gateway,
      metricsToken: METRICS_TOKEN,
      configured: [METRICS_TOKEN, JWT_SECRET],
      async written() {
        await gateway.untilLogged();
        return JSON.stringify(gateway.log);
      },
    };
  });
  afterAll(() => gateway.stop());

  secretsSuite(() => target);
});
