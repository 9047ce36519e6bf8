import { createRouterTransport } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UserType } from "#gen/platform/common/v1/common_pb.ts";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { loadConfig } from "#src/config.ts";
import { createGateway } from "#src/gateway.ts";
import { createTcpRedis, type TcpRedis } from "#src/node/tcp-redis.ts";
import type { Redis } from "#src/store/redis.ts";
import { createMemoryBreaker } from "#src/upstream/memory-breaker.ts";
import { claims, forge, GOOD_HEADER } from "./identity/forge.ts";
import { type IssuerKey, issuerKey, signedBy } from "./support/key-set-server.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "./support/redis-server.ts";

const OLD = "kX7-fake-but-random-looking-bytes-0f9a2c";
const NEW = "Zt5!uB8yQe2#hN6wKc9@rP3mXa7&vL1D";
const EXTERNAL = "https://id.example";
const MINUTE_MS = 60_000;

interface Session {
  readonly access_token: string;
  readonly refresh_token: string;
}

/**
 * Instances without sockets that share a clock, a User Service with one account, whose type a test sets, and a Redis
 * where the test has one.
 */
function setUp(redis?: Redis) {
  // Redis has a clock of its own, and it is now there.
  let nowMs = redis === undefined ? Date.UTC(2030, 0, 2, 3, 4, 5) : Math.floor(Date.now() / 1000) * 1000;
  const now = () => nowMs;
  const user = { userId: "user-1", email: "me@example.com", displayName: "Me", userType: UserType.CLIENT as UserType };
  const lines: string[] = [];
  const users = createRouterTransport(({ service }) => {
    service(UserService, {
      authenticateUser: () => ({ user }),
      getUser: () => ({ user }),
    });
  });
  const nobody = createRouterTransport(() => {});
  let keySet: () => Promise<Response> = () => Promise.reject(new TypeError("fetch failed"));

  const instance = async (env: Readonly<Record<string, string>> = {}) => {
    const config = loadConfig({ JWT_SECRET: OLD, ...env }, { protocol: "connect" });
    const gateway = await createGateway(config, {
      now,
      writeLog: (line) => lines.push(line),
      transports: { users, tasks: nobody, recommendation: nobody, orchestrator: nobody },
      createBreaker: (_service, setup) => createMemoryBreaker(setup),
      fetch: () => keySet(),
      redis,
      keepAlive: () => {},
      lifecycle: () => "ready",
      shouldShed: () => false,
    });
    const ask = (method: string, path: string, body?: object, token?: string): Promise<Response> => {
      const headers: Record<string, string> = body === undefined ? {} : { "Content-Type": "application/json" };
      if (token !== undefined) headers.Authorization = `Bearer ${token}`;
      const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const request = new Request(`http://gateway.test${path}`, init);
      return Promise.resolve(gateway.fetch(request, { peerAddress: undefined }));
    };
    return {
      me: async (token: string) => (await ask("GET", "/api/v1/auth/me", undefined, token)).status,
      postTask: async (token: string) => (await ask("POST", "/api/v1/tasks", {}, token)).status,
      signIn: async (): Promise<Session> =>
        (await ask("POST", "/api/v1/auth/login", { email: user.email, password: "Correct-horse-1" })).json(),
      refresh: async ({ refresh_token }: Session) => {
        const answer = await ask("POST", "/api/v1/auth/refresh", { refresh_token });
        return { status: answer.status, session: (await answer.json()) as Session };
      },
    };
  };
  return {
    instance,
    user,
    lines,
    now,
    advance: (ms: number) => {
      nowMs += ms;
    },
    publish: (next: () => Promise<Response>) => {
      keySet = next;
    },
  };
}

describeWithRedis("instances that share a Redis", () => {
  let server: RedisServer;
  let redis: TcpRedis;
  beforeAll(async () => {
    server = await startRedisServer();
    redis = createTcpRedis({ url: server.url, timeoutMs: 10_000 });
  });
  afterAll(async () => {
    redis.close();
    await server.stop();
  });

  test("J-25: a session that began under the old secret goes on through a rotation, and ends with it when it did not refresh", async () => {
    const { instance, advance } = setUp(redis);
    const announced = await instance({ JWT_SECRET: OLD, JWT_SECRET_PREVIOUS: NEW });
    const changed = await instance({ JWT_SECRET: NEW, JWT_SECRET_PREVIOUS: OLD });
    const done = await instance({ JWT_SECRET: NEW });
    const before = await announced.signIn();
    const idle = await announced.signIn();

    // Instances of both steps run side by side: what one gives out, the other takes.
    const between = await changed.refresh(before);
    expect(between.status).toBe(200);
    expect(await announced.me(between.session.access_token)).toBe(200);
    advance(MINUTE_MS);
    const back = await announced.refresh(between.session);
    expect(back.status).toBe(200);
    expect(await changed.me(back.session.access_token)).toBe(200);
    advance(MINUTE_MS);
    const after = await changed.refresh(back.session);

    expect(await done.me(after.session.access_token)).toBe(200);
    advance(MINUTE_MS);
    expect((await done.refresh(after.session)).status).toBe(200);
    expect(await done.me(idle.access_token)).toBe(401);
    expect((await done.refresh(idle)).status).toBe(401);
  });
});

test("J-24: a changed role counts from the next refresh, and the old one no longer than its access token", async () => {
  const { instance, user, advance } = setUp();
  const gateway = await instance({ JWT_EXPIRATION_HOURS: "0.25" });
  const before = await gateway.signIn();
  expect(await gateway.postTask(before.access_token)).toBe(400);
  user.userType = UserType.DEVELOPER;
  const { session } = await gateway.refresh(before);
  expect(await gateway.postTask(session.access_token)).toBe(403);
  // Valid as far as the body: it is the CLIENT's still.
  expect(await gateway.postTask(before.access_token)).toBe(400);
  advance(15 * MINUTE_MS);
  expect(await gateway.postTask(before.access_token)).toBe(401);
});

test("J-20: which check failed stands in the log, and in no answer", async () => {
  const { instance, lines, now } = setUp();
  const gateway = await instance();
  const nowSeconds = now() / 1000;
  const good = claims({ iat: nowSeconds, exp: nowSeconds + 60 });
  const rows: readonly (readonly [token: string, reason: string])[] = [
    ["garbage", "malformed"],
    [await forge(GOOD_HEADER, { ...good, iss: "x" }, OLD), "unknown-issuer"],
    [await forge({ ...GOOD_HEADER, kid: "x" }, good, OLD), "unknown-key"],
    [await forge(GOOD_HEADER, good, NEW), "not-verified"],
    [await forge(GOOD_HEADER, { ...good, role: "OWNER" }, OLD), "claims"],
    [await forge(GOOD_HEADER, { ...good, iat: nowSeconds - 60, exp: nowSeconds }, OLD), "expired"],
  ];
  for (const [token, reason] of rows) {
    lines.length = 0;
    expect(await gateway.me(token)).toBe(401);
    expect(lines.join("")).toContain(`access token: ${reason}`);
    // J-18
    expect(lines.join("")).not.toContain(token);
  }
});

describe("R-34: an external issuer whose endpoint goes down", () => {
  let key: IssuerKey;
  beforeAll(async () => {
    key = await issuerKey("1");
  });

  test("its tokens stay good for longer than its keys are fresh; nothing is 5xx, and the log says so now and then", async () => {
    const { instance, lines, now, advance, publish } = setUp();
    const gateway = await instance({ JWT_JWKS_URL: `${EXTERNAL}/keys` });
    const token = (exp: number) =>
      signedBy(key, claims({ iss: EXTERNAL, jti: crypto.randomUUID(), iat: now() / 1000, exp }, "sid"));
    publish(async () => Response.json({ keys: [key.jwk] }));
    const old = await token(now() / 1000 + 7200);
    expect(await gateway.me(old)).toBe(200);
    let asked = 0;
    publish(async () => {
      asked += 1;
      throw new TypeError("fetch failed");
    });
    for (let minute = 0; minute < 60; minute++) {
      advance(MINUTE_MS);
      const statuses = [await gateway.me(old), await gateway.me(await token(now() / 1000 + 60))];
      expect(statuses).toEqual([200, 200]);
    }
    const warnings = lines.filter((line) => line.includes("the external issuer's keys were not fetched"));
    expect(warnings).toHaveLength(asked);
    expect(asked).toBe(56);
  });
});
