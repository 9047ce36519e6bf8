import { afterAll, beforeAll, describe } from "vitest";
import { overLimitSuite, refusalOrderSuite, TIGHT_LIMITS } from "../suites/refusal-order-suite.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { UNLIMITED } from "../support/unlimited.ts";

describe("within the limits", () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGatewayUnderTest({ env: UNLIMITED });
  });
  afterAll(() => gateway.stop());

  refusalOrderSuite(() => gateway);
});

describe("beyond the limits", () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGatewayUnderTest({ env: TIGHT_LIMITS });
  });
  afterAll(() => gateway.stop());

  overLimitSuite(() => gateway);
});
