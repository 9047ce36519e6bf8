import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { createAccessTokens } from "#src/identity/access-token.ts";
import { createTcpRedis } from "#src/node/tcp-redis.ts";
import {
  type Answer,
  call,
  type GatewayUnderTest,
  type Person,
  register,
  startGatewayUnderTest,
} from "../support/gateway-under-test.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { taskBody } from "../support/samples.ts";
import { countOf } from "../support/scrape.ts";
import { type SharedGateways, startSharedGateways, untilStoreIs } from "../support/shared-gateways.ts";
import { UNLIMITED } from "../support/unlimited.ts";
import { untilReady } from "../support/until-ready.ts";

const DAY = { RATE_LIMIT_WINDOW: "86400" };
const SECRET = "q7Tz!mW2vR9xLp4KdY8sBn3Hf6JcGa1E";

function countByStatus(answers: readonly Answer[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

const me = (url: string, token: string) => call(url, "GET /api/v1/auth/me", { token });

describeWithRedis("two gateways on one Redis", () => {
  let server: RedisServer;
  let gateways: SharedGateways;
  beforeAll(async () => {
    server = await startRedisServer();
    const limits = { RATE_LIMIT_REQUESTS: "20", RATE_LIMIT_ANONYMOUS: "30", RATE_LIMIT_LOGIN: "5", ...DAY };
    gateways = await startSharedGateways({ REDIS_URL: server.url, REDIS_TIMEOUT: "10", ...limits });
  });
  afterAll(async () => {
    await gateways.stop();
    await server.stop();
  });

  const fromBoth = (times: number, ask: (url: string) => Promise<Answer>) =>
    Promise.all(Array.from({ length: times }, (_, index) => ask(gateways.urls[index % 2]!)));

  test("allow one user the limit and no more, at ten times of it (R-16)", async () => {
    const { token } = await register(gateways.urls[0], "CLIENT");
    expect(countByStatus(await fromBoth(200, (url) => me(url, token)))).toEqual({ 200: 20, 429: 180 });
  });

  test("allow one address the limit and no more, at ten times of it (R-16)", async () => {
    expect(countByStatus(await fromBoth(300, (url) => call(url, "GET /no/such/route")))).toEqual({ 404: 30, 429: 270 });
  });

  test("count the guesses at one account together (J-28)", async () => {
    const body = { email: "nobody@devmatch.example", password: "Wrong-horse-1" };
    const answers = await fromBoth(20, (url) => call(url, "POST /api/v1/auth/login", { body }));
    expect(countByStatus(answers)).toEqual({ 401: 5, 429: 15 });
  });

  test("know at once what the other has revoked (J-14)", async () => {
    const { token } = await register(gateways.urls[0], "CLIENT");
    await call(gateways.urls[0], "POST /api/v1/auth/logout", { token });
    expect((await me(gateways.urls[1], token)).status).toBe(401);
  });
});

describeWithRedis("a gateway whose Redis fails", () => {
  let server: RedisServer;
  let gateway: GatewayUnderTest;
  let person: Person;
  let leaver: Person;
  beforeEach(async () => {
    server = await startRedisServer();
    const env = { ...UNLIMITED, ...DAY, RATE_LIMIT_REQUESTS: "20", RATE_LIMIT_LOGIN: "6", JWT_SECRET: SECRET };
    gateway = await startGatewayUnderTest({ env: { ...env, REDIS_URL: server.url, REDIS_TIMEOUT: "1" } });
    await untilStoreIs("healthy", gateway.url);
    [person, leaver] = [await register(gateway.url, "CLIENT"), await register(gateway.url, "CLIENT")];
    await call(gateway.url, "POST /api/v1/auth/logout", { token: leaver.token });
  });
  afterEach(async () => {
    await gateway.stop();
    await server.stop();
  });

  /** A token of the same user, issued so long ago. */
  const tokenOfAge = async (seconds: number) => {
    const tokens = await createAccessTokens({
      secret: SECRET,
      issuer: "devmatch-gateway",
      audience: "devmatch",
      lifetimeSeconds: 86_400,
      now: () => Date.now() - seconds * 1000,
    });
    return tokens.mint({ userId: person.userId, role: Role.CLIENT, sessionId: "an-older-session" });
  };
  const write = (token: string) => call(gateway.url, "POST /api/v1/tasks", { token, body: taskBody() });
  const fallbacks = (feature: string) => countOf(gateway.url, "gateway_store_fallbacks_total", { feature });

  test("killed: reads go on, within half of the limit, and none is a 5xx (R-11)", async () => {
    await server.kill();
    const answers = await Promise.all(Array.from({ length: 50 }, () => me(gateway.url, person.token)));
    expect(countByStatus(answers)).toEqual({ 200: 10, 429: 40 });
    expect(await fallbacks("limits")).toBe(50);
    expect(await fallbacks("revocation")).toBe(50);
  });

  test("standing still: the same (R-12)", async () => {
    server.pause();
    const answers = await Promise.all(Array.from({ length: 50 }, () => me(gateway.url, person.token)));
    server.resume();
    expect(countByStatus(answers)).toEqual({ 200: 10, 429: 40 });
  });

  test("killed in the middle of it: whoever is over the limit is not let in again and again (R-11, R-16)", async () => {
    const before = await Promise.all(Array.from({ length: 30 }, () => me(gateway.url, person.token)));
    expect(countByStatus(before)).toEqual({ 200: 20, 429: 10 });
    await server.kill();
    const after = await Promise.all(Array.from({ length: 30 }, () => me(gateway.url, person.token)));
    expect(countByStatus(after)).toEqual({ 200: 10, 429: 20 });
  });

  test("killed: tokens of less than 15 minutes write, older ones only read, and what was revoked here stays it", async () => {
    const [younger, older] = [await tokenOfAge(840), await tokenOfAge(960)];
    expect((await write(older)).status).toBe(201);
    await server.kill();
    expect((await write(younger)).status).toBe(201);
    const refused = await write(older);
    expect(refused).toMatchObject({ status: 503, body: { code: "SERVICE_UNAVAILABLE" } });
    expect(refused.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect((await me(gateway.url, older)).status).toBe(200);
    expect((await me(gateway.url, leaver.token)).status).toBe(401);
  });

  test("killed: sign-ins are limited all the same, and never by less than before", async () => {
    await server.kill();
    const body = { email: "nobody@devmatch.example", password: "Wrong-horse-1" };
    const answers = [];
    for (let index = 0; index < 10; index++) answers.push(await call(gateway.url, "POST /api/v1/auth/login", { body }));
    expect(countByStatus(answers)).toEqual({ 401: 3, 429: 7 });
  });

  test("back: the store decides again within 10 seconds, and nothing of the meantime is left (R-13)", async () => {
    await server.kill();
    await Promise.all(Array.from({ length: 30 }, () => me(gateway.url, person.token)));
    await server.restart();
    const startedMs = performance.now();
    const remaining = async () => Number((await me(gateway.url, person.token)).headers.get("x-ratelimit-limit"));
    while ((await remaining()) !== 20) expect(performance.now() - startedMs).toBeLessThan(10_000);
    const about = gateway.log.filter(({ message }) => /^limits and revocations/.test(String(message)));
    expect(about.map(({ level }) => level)).toContain("warn");
  });

  test.each([
    ["full", ["CONFIG", "SET", "maxmemory", 1]],
    ["a replica", ["REPLICAOF", "127.0.0.1", 1]],
    ["without its scripts", ["SCRIPT", "FLUSH"]],
    ["flushed", ["FLUSHALL"]],
  ] as const)("%s: no request is a 5xx (R-14)", async (_because, command) => {
    const redis = createTcpRedis({ url: server.url, timeoutMs: 10_000 });
    await untilReady(redis);
    await redis.run([command]);
    redis.close();
    // Whatever it can still say counts: it says that this old token has not been revoked.
    if (command[0] !== "REPLICAOF") expect((await write(await tokenOfAge(3_600))).status).toBe(201);
    const answers = await Promise.all(Array.from({ length: 30 }, () => me(gateway.url, person.token)));
    const counts = countByStatus(answers);
    expect(Object.keys(counts)).toEqual(["200", "429"]);
    expect(counts[200]).toBeLessThanOrEqual(20);
  });
});
