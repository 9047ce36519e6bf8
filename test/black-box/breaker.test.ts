import { afterAll, beforeAll } from "vitest";
import { breakerInGatewaySuite, REQUEST_TIMEOUT_MS } from "../suites/breaker-in-gateway-suite.ts";
import { type ScriptedGateway, startScriptedGateway } from "../support/scripted-gateway.ts";
import { UNLIMITED } from "../support/unlimited.ts";

let gateway: ScriptedGateway;
beforeAll(async () => {
  gateway = await startScriptedGateway({
    ...UNLIMITED,
    CIRCUIT_BREAKER_FAILURE_THRESHOLD: "5",
    UPSTREAM_TIMEOUT: String(REQUEST_TIMEOUT_MS / 1000),
  });
});
afterAll(() => gateway.stop());

breakerInGatewaySuite(() => gateway);
