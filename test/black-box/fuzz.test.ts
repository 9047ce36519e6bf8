import { afterAll, beforeAll } from "vitest";
import { fuzzSuite } from "../suites/fuzz-suite.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { UNLIMITED } from "../support/unlimited.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({ env: UNLIMITED });
});
afterAll(() => gateway.stop());

fuzzSuite(() => gateway);
