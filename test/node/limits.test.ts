import { expect, test } from "vitest";
import { LIMITS } from "../suites/limits-suite.ts";
import { call, startGatewayUnderTest } from "../support/gateway-under-test.ts";

test("without TRUSTED_PROXIES forwarding headers are anybody's word and count for nothing (promise 8)", async () => {
  const gateway = await startGatewayUnderTest({ env: LIMITS });
  const statuses = [];
  for (let index = 0; index < 6; index++) {
    const address = `192.0.2.${index}`;
    const headers = {
      "x-forwarded-for": address,
      forwarded: `for=${address}`,
      "x-real-ip": address,
      "cf-connecting-ip": address,
      "true-client-ip": address,
      "x-client-ip": address,
    };
    statuses.push((await call(gateway.url, "GET /no/such/route", { headers })).status);
  }
  expect(statuses).toEqual([404, 404, 404, 404, 429, 429]);
  await gateway.stop();
});
