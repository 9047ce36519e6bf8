import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MAX_SESSIONS_PER_USER, type SessionStore } from "#src/identity/session-store.ts";
import { createTcpRedis, type TcpRedis } from "#src/node/tcp-redis.ts";
import { KEY_PREFIX } from "#src/store/key-prefix.ts";
import { type Redis, type RedisCommand, RedisError, type RedisReply, StoreUnavailable } from "#src/store/redis.ts";
import { RedisAdmissionStore } from "#src/store/redis-admission-store.ts";
import { createRedisSessionStore } from "#src/store/redis-session-store.ts";
import { createStoreClock } from "#src/store/store-clock.ts";
import { SUITE_ACCESS_LIFETIME_SECONDS as accessLifetimeSeconds } from "../suites/session-store-suite.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { untilReady } from "../support/until-ready.ts";

const DAY_MS = 86_400_000;

/** Every operation, on a session that has begun. */
const OPERATIONS: readonly [name: string, run: (store: SessionStore, sessionId: string) => Promise<unknown>][] = [
  ["demandUsable", (store) => store.demandUsable()],
  [
    "create",
    (store) => store.create({ sessionId: crypto.randomUUID(), userId: "u", expiresAtMs: Date.now() + 30 * DAY_MS }),
  ],
  ["find", (store, sessionId) => store.find(sessionId)],
  ["rotate", (store, sessionId) => store.rotate(sessionId, 1)],
  ["revokeSession", (store, sessionId) => store.revokeSession(sessionId)],
  ["revokeUser", (store) => store.revokeUser("u")],
  ["revokeToken", (store) => store.revokeToken("t", Math.floor(Date.now() / 1000) + 60)],
];

describeWithRedis("sessions by Redis' own clock", () => {
  let server: RedisServer;
  let redis: TcpRedis;
  beforeAll(async () => {
    server = await startRedisServer();
    redis = createTcpRedis({ url: server.url, timeoutMs: 10_000 });
    await untilReady(redis);
  });
  beforeEach(() => redis.run([["FLUSHALL"]]));
  afterAll(async () => {
    redis.close();
    await server.stop();
  });

  const storeOn = (through: Redis, now = Date.now) =>
    createRedisSessionStore({ redis: through, now, accessLifetimeSeconds });
  const begin = async (store: SessionStore, userId = "u"): Promise<string> => {
    const sessionId = crypto.randomUUID();
    await store.create({ sessionId, userId, expiresAtMs: Date.now() + 30 * DAY_MS });
    return sessionId;
  };
  const ask = async (...command: RedisCommand) => (await redis.run([command]))[0];

  test.each(OPERATIONS)("%s is one round trip", async (_name, run) => {
    let trips = 0;
    const counting: Redis = {
      run(commands) {
        trips += 1;
        return redis.run(commands);
      },
    };
    const store = await storeOn(counting);
    const sessionId = await begin(store);
    // Redis learns the scripts.
    await run(store, sessionId);
    trips = 0;
    await run(store, sessionId);
    expect(trips).toBe(1);
  });

  test.each(OPERATIONS)("%s works after SCRIPT FLUSH (R-14)", async (_name, run) => {
    const store = await storeOn(redis);
    const sessionId = await begin(store);
    await ask("SCRIPT", "FLUSH");
    await run(store, sessionId);
  });

  test("every key has the prefix and an end", async () => {
    const store = await storeOn(redis);
    const sessionId = await begin(store);
    await store.rotate(sessionId, 1);
    for (const [, run] of OPERATIONS) await run(store, await begin(store));
    const keys = (await ask("KEYS", "*")) as string[];
    const kinds = new Set(keys.map((key) => key.slice(KEY_PREFIX.length).split(":")[0]));
    expect(keys.filter((key) => !key.startsWith(KEY_PREFIX))).toEqual([]);
    expect([...kinds].toSorted()).toEqual(["revoked", "session", "sessions-of", "usable"]);
    for (const key of (await ask("KEYS", "*")) as string[])
      expect([key, Number(await ask("PTTL", key)) > 0]).toEqual([key, true]);
  });

  test("instances whose clocks differ agree on the grace (R-24)", async () => {
    const ahead = await storeOn(redis, () => Date.now() + 90_000);
    const behind = await storeOn(redis, () => Date.now() - 90_000);
    for (const [first, second] of [
      [ahead, behind],
      [behind, ahead],
    ] as const) {
      const sessionId = await begin(first);
      expect(await first.rotate(sessionId, 1)).toEqual({ kind: "rotated", generation: 2 });
      expect(await second.rotate(sessionId, 1)).toEqual({ kind: "repeated", generation: 2 });
      expect(await second.rotate(sessionId, 2)).toEqual({ kind: "rotated", generation: 3 });
      expect(await first.rotate(sessionId, 2)).toEqual({ kind: "repeated", generation: 3 });
    }
  });

  test.each([-90_000, 90_000])(
    "a token stays revoked as long as it lives, by a clock that is %i ms off (R-24)",
    async (skewMs) => {
      const now = () => Date.now() + skewMs;
      const clock = createStoreClock(now);
      const hashSubject = async (subject: string) => subject;
      const admission = new RedisAdmissionStore({ redis, now, hashSubject, clock });
      // As every request does.
      await admission.ask({ charges: [{ limit: { name: "user", quota: 9, windowMs: 60_000 }, subject: "u" }] });
      const store = await createRedisSessionStore({ redis, now, accessLifetimeSeconds, clock });
      await store.revokeToken("t", Math.floor(now() / 1000) + 60);
      const { revoked } = await admission.ask({ charges: [], token: { tokenId: "t", sessionId: undefined } });
      expect(revoked).toBe(true);
      const [endsAtMs] = await redis.run([["GET", `${KEY_PREFIX}revoked:jti:t`]]);
      expect(Number(endsAtMs) - Date.now()).toBeLessThanOrEqual(60_000 + 90_000);
    },
  );

  test("a rotation that Redis runs long after it was given up does nothing: the client's next try is its first", async () => {
    // TIME says what it was long ago, as if the rotation had been under way since.
    const late: Redis = {
      async run(commands) {
        const replies = await redis.run(commands);
        return replies.map((reply, index) => (commands[index]?.[0] === "TIME" ? ["1700000000", "0"] : reply));
      },
    };
    const store = await storeOn(late);
    const sessionId = await begin(store);
    await store.find(sessionId);
    await expect(store.rotate(sessionId, 1)).rejects.toMatchObject({ reason: "Redis ran a rotation too late" });
    expect(await (await storeOn(redis)).rotate(sessionId, 1)).toEqual({ kind: "rotated", generation: 2 });
  });

  test("a user's index is bounded and ends with the user's last session", async () => {
    const store = await storeOn(redis);
    for (let count = 0; count < MAX_SESSIONS_PER_USER + 5; count += 1) await begin(store, "busy");
    const key = `${KEY_PREFIX}sessions-of:busy`;
    expect(await ask("ZCARD", key)).toBe(MAX_SESSIONS_PER_USER);
    expect((await ask("KEYS", `${KEY_PREFIX}session:*`)) as string[]).toHaveLength(MAX_SESSIONS_PER_USER);
    expect(Number(await ask("PTTL", key))).toBeLessThanOrEqual(7 * DAY_MS + accessLifetimeSeconds * 1000);
    await store.revokeUser("busy");
    expect(await ask("EXISTS", key)).toBe(0);
  });

  test("what is remembered of replaced generations is bounded, and a hundred of them have their grace", async () => {
    const store = await storeOn(redis);
    const sessionId = await begin(store);
    for (let generation = 1; generation <= 102; generation += 1) await store.rotate(sessionId, generation);
    expect(String(await ask("HGET", `${KEY_PREFIX}session:${sessionId}`, "replaced")).split(" ")).toHaveLength(100);
    expect(await store.rotate(sessionId, 3)).toEqual({ kind: "repeated", generation: 103 });
  });

  test.each<[what: string, spoil: (key: string) => RedisCommand[]]>([
    [
      "of another type",
      (key) => [
        ["DEL", key],
        ["SET", key, "canary"],
      ],
    ],
    ["without a user", (key) => [["HDEL", key, "user"]]],
    ["whose end is no time", (key) => [["HSET", key, "ends", "canary"]]],
    ["whose generation is no number", (key) => [["HSET", key, "generation", "canary"]]],
  ])("a session %s is never found, never rotated and never an error of another kind", async (_what, spoil) => {
    const store = await storeOn(redis);
    const sessionId = await begin(store);
    await redis.run(spoil(`${KEY_PREFIX}session:${sessionId}`));
    await expect(store.find(sessionId)).rejects.toThrow(StoreUnavailable);
    const rotation = await store.rotate(sessionId, 1).catch((error: unknown) => error);
    if (!(rotation instanceof StoreUnavailable)) expect(rotation).toEqual({ kind: "unknown" });
  });
});

describe("a store that answers nonsense is unavailable, whatever is asked of it", () => {
  const NONSENSE: readonly (RedisReply | undefined)[] = [
    undefined,
    new RedisError("OOM command not allowed when used memory > 'maxmemory'."),
    new RedisError("WRONGTYPE Operation against a key holding the wrong kind of value"),
    new RedisError("NOSCRIPT No matching script. Please use EVAL."),
    7,
    "canary",
    [],
    ["canary"],
    [null, "1", "2", "3"],
    [["rotated"], "2"],
    ["rotated", "canary"],
  ];
  const questions = OPERATIONS.filter(([name]) => ["find", "rotate"].includes(name));
  test.each(questions)("%s", async (_name, run) => {
    for (const nonsense of NONSENSE) {
      const redis: Redis = { run: async (commands) => commands.map(() => nonsense as RedisReply) };
      const store = await createRedisSessionStore({ redis, now: Date.now, accessLifetimeSeconds });
      await expect(run(store, "s")).rejects.toThrow(StoreUnavailable);
    }
  });

  const changes = OPERATIONS.filter(([name]) => !["find", "rotate"].includes(name));
  test.each(changes)("%s, where Redis refuses it", async (_name, run) => {
    const redis: Redis = { run: async (commands) => commands.map(() => new RedisError("OOM command not allowed")) };
    const store = await createRedisSessionStore({ redis, now: Date.now, accessLifetimeSeconds });
    await expect(run(store, "s")).rejects.toMatchObject({ status: 503, retryAfterSeconds: 1 });
  });
});
