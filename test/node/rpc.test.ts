import { afterAll, beforeAll } from "vitest";
import { rpcSuite } from "../suites/rpc-suite.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { UNLIMITED } from "../support/unlimited.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({ env: UNLIMITED });
});
afterAll(() => gateway.stop());

rpcSuite(() => gateway);
