import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS, limitsSuite } from "../suites/limits-suite.ts";
import { call, type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { runtime } from "../support/runtime.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({ env: { ...LIMITS, TRUSTED_PROXIES: "127.0.0.0/8, 10.0.0.0/8" } });
});
afterAll(() => gateway.stop());

/** What a request's last proxy says of where it comes from: ours, or Cloudflare, which lets no client say it. */
const ADDRESS_HEADER = { node: "x-forwarded-for", workerd: "cf-connecting-ip" }[runtime];

limitsSuite(() => ({ url: gateway.url, from: (address) => ({ [ADDRESS_HEADER]: address }) }));

test("what a client writes into its forwarding headers changes nothing (promise 8)", async () => {
  const client = "203.0.113.9";
  const statuses = [];
  for (let index = 0; index < 6; index++) {
    const made = `192.0.2.${index}`;
    const headers = {
      "x-forwarded-for": `${made}, unknown`,
      forwarded: `for=${made}`,
      "x-real-ip": made,
      "true-client-ip": made,
      [ADDRESS_HEADER]: runtime === "node" ? `${made}, unknown, ${client}, 10.1.2.3` : client,
    };
    statuses.push((await call(gateway.url, "GET /no/such/route", { headers })).status);
  }
  expect(statuses).toEqual([404, 404, 404, 404, 429, 429]);
});

test("a client that waits as long as Retry-After says gets through", async () => {
  const quick = await startGatewayUnderTest({ env: { ...LIMITS, RATE_LIMIT_WINDOW: "1" } });
  const ask = () => call(quick.url, "GET /no/such/route");
  let answer = await ask();
  while (answer.status !== 429) answer = await ask();
  const waitSeconds = Number(answer.headers.get("retry-after"));
  expect(waitSeconds).toBeLessThanOrEqual(2);
  await new Promise((resolve) => setTimeout(resolve, waitSeconds * 1000));
  expect((await ask()).status).toBe(404);
  await quick.stop();
});
