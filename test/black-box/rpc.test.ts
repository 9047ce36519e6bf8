import { afterAll, beforeAll, describe } from "vitest";
import { rpcAccessSuite } from "../suites/rpc-access-suite.ts";
import { rpcBytesSuite } from "../suites/rpc-bytes-suite.ts";
import { rpcSuite } from "../suites/rpc-suite.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { UNLIMITED } from "../support/unlimited.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({ env: UNLIMITED });
});
afterAll(() => gateway.stop());

describe("calls", () => rpcSuite(() => gateway));
describe("access", () => rpcAccessSuite(() => gateway));
describe("bytes", () => rpcBytesSuite(() => gateway));
