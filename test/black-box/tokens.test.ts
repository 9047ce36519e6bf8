import { randomBytes } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { tokenSuite } from "../suites/token-suite.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { UNLIMITED } from "../support/unlimited.ts";

const secret = randomBytes(32).toString("base64url");
let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({ env: { ...UNLIMITED, JWT_SECRET: secret } });
});
afterAll(() => gateway.stop());

tokenSuite(() => ({ ...gateway, secret }));
