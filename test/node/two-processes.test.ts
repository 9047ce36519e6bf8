import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { startPlatform } from "#platform/platform.ts";
import { ANY_PLATFORM_PORTS, type Answer, call, register, serviceAddresses } from "../support/gateway-under-test.ts";
import { describeWithRedis, startRedisServer } from "../support/redis-server.ts";
import { untilStoreIs } from "../support/shared-gateways.ts";
import { UNLIMITED } from "../support/unlimited.ts";
import { startGatewayProcess } from "./gateway-process.ts";

/** What the suites show of two gateways in the tests' own process, once more of two that share nothing but a Redis. */
describeWithRedis("two processes on one Redis", () => {
  const start = async (limits: Readonly<Record<string, string>> = {}) => {
    const server = await startRedisServer();
    onTestFinished(() => server.stop());
    const platform = await startPlatform({ ports: ANY_PLATFORM_PORTS, log: () => {}, scryptCost: 1024 });
    onTestFinished(() => platform.stop());
    const env = {
      GATEWAY_HOST: "127.0.0.1",
      GATEWAY_PORT: "0",
      JWT_SECRET: randomBytes(32).toString("hex"),
      REDIS_URL: server.url,
      // Machines are slow at times, and this is not about time.
      REDIS_TIMEOUT: "10",
      ...UNLIMITED,
      ...limits,
      ...serviceAddresses(platform),
    };
    const urls = await Promise.all(
      [0, 1].map(async () => String((await startGatewayProcess(env).untilLogged("listening")).url)),
    );
    await Promise.all(urls.map((url) => untilStoreIs("healthy", url)));
    return (times: number, ask: (url: string) => Promise<Answer>) =>
      Promise.all(Array.from({ length: times }, (_, index) => ask(urls[index % 2]!)));
  };

  test("50 parallel refreshes of one token: one lineage, no 5xx, nobody signed out (J-12, J-13)", async () => {
    const fromBoth = await start();
    let person = { refreshToken: "", token: "" };
    await fromBoth(1, async (url) => {
      person = await register(url, "CLIENT");
      return call(url, "GET /health");
    });
    const body = { refresh_token: person.refreshToken };
    const answers = await fromBoth(50, (url) => call(url, "POST /api/v1/auth/refresh", { body }));
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    expect(new Set(answers.map((answer) => answer.body.refresh_token)).size).toBe(1);
    for (const { token } of [person, { token: answers[0]!.body.access_token }]) {
      const seen = await fromBoth(2, (url) => call(url, "GET /api/v1/auth/me", { token }));
      expect(seen.map(({ status }) => status)).toEqual([200, 200]);
    }
  });

  test("ten times the limit: the limit is let through, and not one more (R-16)", async () => {
    const fromBoth = await start({ RATE_LIMIT_ANONYMOUS: "30", RATE_LIMIT_WINDOW: "86400" });
    const answers = await fromBoth(300, (url) => call(url, "GET /no/such/route"));
    expect(answers.filter(({ status }) => status === 404)).toHaveLength(30);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(270);
  });
});
