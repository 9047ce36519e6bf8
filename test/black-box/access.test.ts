import { afterAll, beforeAll } from "vitest";
import { accessSuite } from "../suites/access-suite.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { UNLIMITED } from "../support/unlimited.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({ env: UNLIMITED });
});
afterAll(() => gateway.stop());

accessSuite(() => gateway);
