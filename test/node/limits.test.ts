import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS, limitsSuite } from "../suites/limits-suite.ts";
import { call, type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";

describe("behind a proxy that we trust", () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGatewayUnderTest({ env: { ...LIMITS, TRUSTED_PROXIES: "127.0.0.0/8, 10.0.0.0/8" } });
  });
  afterAll(() => gateway.stop());

  limitsSuite(() => ({ url: gateway.url, from: (address) => ({ "x-forwarded-for": address }) }));

  test("what a client writes into its forwarding headers changes nothing (promise 8)", async () => {
    const statuses = [];
    for (let index = 0; index < 6; index++) {
      const headers = {
        // The client made up the left part; the proxies at 203.0.113.9's side wrote the rest.
        "x-forwarded-for": `192.0.2.${index}, unknown, 203.0.113.9, 10.1.2.3`,
        forwarded: `for=192.0.2.${index}`,
        "x-real-ip": `192.0.2.${index}`,
      };
      statuses.push((await call(gateway.url, "GET /no/such/route", { headers })).status);
    }
    expect(statuses).toEqual([404, 404, 404, 404, 429, 429]);
  });
});

describe("without a proxy", () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGatewayUnderTest({ env: LIMITS });
  });
  afterAll(() => gateway.stop());

  test("forwarding headers are anybody's word and count for nothing (promise 8)", async () => {
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
  });
});

test("a client that waits as long as Retry-After says gets through", async () => {
  const gateway = await startGatewayUnderTest({ env: { ...LIMITS, RATE_LIMIT_WINDOW: "1" } });
  const ask = () => call(gateway.url, "GET /no/such/route");
  let answer = await ask();
  while (answer.status !== 429) answer = await ask();
  const waitSeconds = Number(answer.headers.get("retry-after"));
  expect(waitSeconds).toBeLessThanOrEqual(2);
  await new Promise((resolve) => setTimeout(resolve, waitSeconds * 1000));
  expect((await ask()).status).toBe(404);
  await gateway.stop();
});
