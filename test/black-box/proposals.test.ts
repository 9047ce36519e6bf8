import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe } from "vitest";
import { proposalEventsSuite } from "../suites/proposal-events-suite.ts";
import { proposalsSuite } from "../suites/proposals-suite.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { UNLIMITED } from "../support/unlimited.ts";

const secret = randomBytes(32).toString("base64url");
let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({ env: { ...UNLIMITED, JWT_SECRET: secret } });
});
afterAll(() => gateway.stop());

describe("proposals", () => proposalsSuite(() => gateway));
describe("their events", () => proposalEventsSuite(() => ({ ...gateway, secret })));
