import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "#platform/net/free-port.ts";
import { createTcpRedis } from "#src/node/tcp-redis.ts";
import { KEY_PREFIX } from "#src/store/key-prefix.ts";
import type { RedisCommand } from "#src/store/redis.ts";
import {
  type Answer,
  call,
  type GatewayUnderTest,
  type Person,
  register,
  startGatewayUnderTest,
} from "../support/gateway-under-test.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { countOf } from "../support/scrape.ts";
import { untilStoreIs } from "../support/shared-gateways.ts";
import { UNLIMITED } from "../support/unlimited.ts";
import { untilReady } from "../support/until-ready.ts";
import { startGatewayProcess } from "./gateway-process.ts";

const refresh = (url: string, refreshToken: string) =>
  call(url, "POST /api/v1/auth/refresh", { body: { refresh_token: refreshToken } });
const login = (url: string, { email, password }: Person) =>
  call(url, "POST /api/v1/auth/login", { body: { email, password } });
const logout = (url: string, token: string) => call(url, "POST /api/v1/auth/logout", { token });
const enrol = (url: string) =>
  call(url, "POST /api/v1/auth/register", {
    body: {
      email: `clara-${crypto.randomUUID()}@devmatch.example`,
      password: "Correct-horse-1",
      display_name: "Clara",
      user_type: "CLIENT",
    },
  });

function expectUnavailable(answer: Answer): void {
  expect(answer).toMatchObject({ status: 503, body: { code: "SERVICE_UNAVAILABLE" } });
  expect(answer.headers.get("retry-after")).toMatch(/^[1-9]\d?$/);
}

/** Everything about sessions, on a store that cannot be used. None of it changes anything for `person`. */
async function expectNoSessionsNow(url: string, person: Person, leaver: Person): Promise<void> {
  expectUnavailable(await refresh(url, person.refreshToken));
  expectUnavailable(await login(url, person));
  expectUnavailable(await enrol(url));
  // Somebody else: a store that stands still may do it later, and who asked for it will not mind.
  expectUnavailable(await logout(url, leaver.token));
}

/** a store that is back is used again within 10 seconds. */
async function untilSignInWorks(url: string, person: Person): Promise<void> {
  const startedMs = performance.now();
  while ((await login(url, person)).status !== 200) await wait(50);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
}

describeWithRedis("a gateway whose Redis fails", () => {
  let server: RedisServer;
  let gateway: GatewayUnderTest;
  let person: Person;
  let leaver: Person;
  beforeEach(async () => {
    server = await startRedisServer();
    gateway = await startGatewayUnderTest({ env: { ...UNLIMITED, REDIS_URL: server.url, REDIS_TIMEOUT: "1" } });
    await untilStoreIs("healthy", gateway.url);
    person = await register(gateway.url, "CLIENT");
    leaver = await register(gateway.url, "CLIENT");
  });
  afterEach(async () => {
    await gateway.stop();
    await server.stop();
  });

  const tell = async (...commands: readonly RedisCommand[]) => {
    const redis = createTcpRedis({ url: server.url, timeoutMs: 10_000 });
    try {
      await untilReady(redis);
      return await redis.run(commands);
    } finally {
      redis.close();
    }
  };

  test("killed: no sessions, 503 and never 500; back: sign-in works again (R-11, R-13)", async () => {
    const { url } = gateway;
    await server.kill();
    await expectNoSessionsNow(url, person, leaver);
    await server.restart();
    await untilSignInWorks(url, person);
    // The server kept nothing: the session is gone, and its refresh token is refused, not an error.
    expect((await refresh(url, person.refreshToken)).status).toBe(401);
  });

  test("standing still: the same, and afterwards the refresh token is still good (R-12, R-13, J-12)", async () => {
    const { url } = gateway;
    server.pause();
    await expectNoSessionsNow(url, person, leaver);
    server.resume();
    await untilSignInWorks(url, person);
    expect((await refresh(url, person.refreshToken)).status).toBe(200);
  });

  test("is seen: one line of the log a change, metrics, and the row of /health/detailed", async () => {
    const { url, log } = gateway;
    const breaker = () => countOf(url, "gateway_store_breaker_state", {});
    expect(await breaker()).toBe(0);
    await server.kill();
    for (let attempt = 0; attempt < 10; attempt += 1) expectUnavailable(await refresh(url, person.refreshToken));
    expect(await breaker()).toBeGreaterThan(0);
    expect(await countOf(url, "gateway_store_calls_total", { status: "failed" })).toBeLessThan(10);
    expect(await countOf(url, "gateway_store_calls_total", { status: "refused" })).toBeGreaterThan(0);
    await untilStoreIs("unhealthy", url);
    const health = await call(url, "GET /health/detailed");
    expect(health.body).toMatchObject({ status: "degraded", details: { redis: { error: "unreachable" } } });
    expect(health.body.details.redis.breaker).toMatch(/^(?:open|half-open)$/);
    await server.restart();
    await untilSignInWorks(url, person);
    await untilStoreIs("healthy", url);
    expect((await call(url, "GET /health/detailed")).body.details.redis).toEqual({
      latency_ms: expect.any(Number),
      breaker: "closed",
    });
    expect(await breaker()).toBe(0);
    const aboutStore = log.filter(({ message }) => /^the store /.test(String(message)));
    expect(aboutStore.map(({ level }) => level)).toEqual(["warn", "info"]);
    expect(JSON.stringify(log)).not.toContain(person.refreshToken);
  });

  test("flushed: sessions are gone, access tokens live on, and everybody can sign in (R-14)", async () => {
    const { url } = gateway;
    await tell(["FLUSHALL"]);
    expect((await refresh(url, person.refreshToken)).status).toBe(401);
    expect((await call(url, "GET /api/v1/auth/me", { token: person.token })).status).toBe(200);
    expect((await login(url, person)).status).toBe(200);
  });

  test("without its scripts: nobody notices (R-14)", async () => {
    await tell(["SCRIPT", "FLUSH"]);
    expect((await refresh(gateway.url, person.refreshToken)).status).toBe(200);
    expect((await login(gateway.url, person)).status).toBe(200);
  });

  test("a replica now: 503 where something would be written, and nothing has changed afterwards (R-14)", async () => {
    const { url } = gateway;
    await tell(["REPLICAOF", "127.0.0.1", 1]);
    await expectNoSessionsNow(url, person, leaver);
    await tell(["REPLICAOF", "NO", "ONE"]);
    await untilSignInWorks(url, person);
    expect((await refresh(url, person.refreshToken)).status).toBe(200);
    expect((await logout(url, person.token)).status).toBe(200);
  });

  test("full: no session begins or goes on, and nothing has changed afterwards; who wants to log out can (R-14)", async () => {
    const { url } = gateway;
    const other = await register(url, "CLIENT");
    await tell(["CONFIG", "SET", "maxmemory", 1]);
    expectUnavailable(await refresh(url, person.refreshToken));
    expectUnavailable(await login(url, person));
    expectUnavailable(await enrol(url));
    expect((await logout(url, other.token)).status).toBe(200);
    expect((await call(url, "GET /api/v1/auth/me", { token: other.token })).status).toBe(401);
    await tell(["CONFIG", "SET", "maxmemory", 0]);
    expect((await login(url, person)).status).toBe(200);
    expect((await refresh(url, person.refreshToken)).status).toBe(200);
  });

  test("written to by somebody else: 503 for that session, and no other is touched (R-14)", async () => {
    const { url } = gateway;
    const other = await register(url, "CLIENT");
    const key = `${KEY_PREFIX}session:${person.refreshToken.split(".")[0]}`;
    await tell(["DEL", key], ["SET", key, "canary"]);
    expectUnavailable(await refresh(url, person.refreshToken));
    expect((await refresh(url, other.refreshToken)).status).toBe(200);
  });

  test("holds neither tokens nor passwords nor addresses (J-17)", async () => {
    const { url } = gateway;
    const next = (await refresh(url, person.refreshToken)).body;
    const [keys] = (await tell(["KEYS", "*"])) as [string[]];
    const dumped = JSON.stringify(await tell(...keys.map((key): RedisCommand => ["DUMP", key])));
    expect(keys.length).toBeGreaterThan(2);
    for (const secret of [person, next].flatMap((each) => [
      each.token ?? each.access_token,
      String(each.refreshToken ?? each.refresh_token).split(".")[2],
    ])) {
      expect(`${keys.join()} ${dumped}`).not.toContain(secret);
    }
    expect(`${keys.join()} ${dumped}`).not.toContain(person.email);
  });
});

describeWithRedis("a gateway that starts without its Redis (R-27)", () => {
  test("listens, is ready, has no sessions; and has them once the store is there (R-13)", async () => {
    const server = await startRedisServer();
    await server.kill();
    const gateway = await startGatewayUnderTest({ env: { ...UNLIMITED, REDIS_URL: server.url } });
    try {
      const { url } = gateway;
      expect((await call(url, "GET /health/live")).status).toBe(200);
      expect((await call(url, "GET /health/ready")).status).toBe(200);
      for (let attempt = 0; attempt < 5; attempt += 1) expectUnavailable(await enrol(url));
      await server.restart();
      const startedMs = performance.now();
      while ((await enrol(url)).status !== 201) await wait(50);
      expect(performance.now() - startedMs).toBeLessThan(10_000);
    } finally {
      await gateway.stop();
      await server.stop();
    }
  });
});

describe("the process of a gateway with a store", () => {
  const run = async (env: Readonly<Record<string, string>>) => {
    const gateway = startGatewayProcess({
      GATEWAY_HOST: "127.0.0.1",
      GATEWAY_PORT: "0",
      SHUTDOWN_DELAY: "0",
      JWT_SECRET: "q7Tz!mW2vR9xLp4KdY8sBn3Hf6JcGa1E",
      ...env,
    });
    const { url } = await gateway.untilLogged("listening");
    // By then it listens for signals as well.
    await fetch(`${url}/health/live`);
    gateway.signal("SIGTERM");
    return { code: await gateway.ended, stderr: gateway.stderr() };
  };

  test("ends when it is told to, though it is looking for its Redis (R-27)", async () => {
    const REDIS_URL = `redis://:canary-password@127.0.0.1:${await freePort()}`;
    expect(await run({ REDIS_URL })).toEqual({ code: 0, stderr: "" });
  });
});

describe("a gateway whose Upstash is not there", () => {
  test("starts, is ready, and has no sessions (R-27)", async () => {
    const gateway = await startGatewayUnderTest({
      env: {
        ...UNLIMITED,
        UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${await freePort()}`,
        UPSTASH_REDIS_REST_TOKEN: "canary-token",
      },
    });
    try {
      expect((await call(gateway.url, "GET /health/ready")).status).toBe(200);
      expectUnavailable(await enrol(gateway.url));
      await untilStoreIs("unhealthy", gateway.url);
      expect(JSON.stringify(gateway.log)).not.toMatch(/canary/);
    } finally {
      await gateway.stop();
    }
  });
});

test("without a store the row of /health/detailed is not_configured, and the log says what that means", async () => {
  const gateway = await startGatewayUnderTest();
  try {
    const { body } = await call(gateway.url, "GET /health/detailed");
    expect(body).toMatchObject({ services: { redis: "not_configured" }, details: { redis: {} } });
    expect(gateway.log.filter(({ message }) => /sessions are kept in this process/.test(String(message)))).toHaveLength(
      1,
    );
  } finally {
    await gateway.stop();
  }
});
