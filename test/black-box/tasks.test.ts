import { afterAll, beforeAll } from "vitest";
import { tasksSuite } from "../suites/tasks-suite.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { UNLIMITED } from "../support/unlimited.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  // The suite assigns tasks behind the gateway's back, and looks at once.
  gateway = await startGatewayUnderTest({ env: { ...UNLIMITED, CACHE_TTL: "0" } });
});
afterAll(() => gateway.stop());

tasksSuite(() => gateway);
