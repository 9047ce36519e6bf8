import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AdmissionAnswer, RateLimit } from "#src/admission/admission-store.ts";
import { createTcpRedis, type TcpRedis } from "#src/node/tcp-redis.ts";
import { createHashSubject } from "#src/store/hashed-subject.ts";
import { type Redis, type RedisCommand, RedisError, type RedisReply, StoreUnavailable } from "#src/store/redis.ts";
import { RedisAdmissionStore } from "#src/store/redis-admission-store.ts";
import { revokedTokenKey } from "#src/store/revocations.ts";
import { createUpstashRedis } from "#src/store/upstash-redis.ts";
import { type LimiterUnderTest, limiterSuite } from "../suites/limiter-suite.ts";
import { clockOf } from "../support/clock-of.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { untilReady } from "../support/until-ready.ts";
import { startUpstashShim, type UpstashShim } from "../support/upstash-shim.ts";

const SECRET = "kX7-fake-but-random-looking-bytes-0f9a2c";
const LIMIT: RateLimit = { name: "test", quota: 50, windowMs: 60_000 };

/** Machines are slow at times, and this is not about time. */
const timeoutMs = 10_000;

async function limiterOn(redis: Redis, now: () => number): Promise<LimiterUnderTest> {
  const hashSubject = await createHashSubject(SECRET);
  return {
    store: new RedisAdmissionStore({ redis, now, hashSubject, clock: clockOf(now) }),
    async revoke(tokenId, expiresAtSeconds) {
      await redis.run([["SET", revokedTokenKey(tokenId), expiresAtSeconds * 1000]]);
    },
    close: async () => {},
  };
}

describeWithRedis("limits in a real Redis", () => {
  let server: RedisServer;
  let redis: TcpRedis;
  beforeAll(async () => {
    server = await startRedisServer();
    redis = createTcpRedis({ url: server.url, timeoutMs });
    await untilReady(redis);
  });
  afterAll(async () => {
    redis.close();
    await server.stop();
  });

  describe("over TCP", () => {
    limiterSuite((now) => limiterOn(redis, now));
  });

  describe("over Upstash's REST", () => {
    let shim: UpstashShim;
    beforeAll(async () => {
      await redis.run([["FLUSHALL"]]);
      shim = await startUpstashShim(server.url);
    });
    afterAll(() => shim.stop());

    limiterSuite((now) => limiterOn(createUpstashRedis({ url: shim.url, token: shim.token, fetch, timeoutMs }), now));

    test("an answer that is lost on its way charges once (R-15)", async () => {
      const upstash = createUpstashRedis({ url: shim.url, token: shim.token, fetch, timeoutMs });
      const { store } = await limiterOn(upstash, Date.now);
      const charges = [{ limit: { ...LIMIT, windowMs: 3_600_000 }, subject: "lost" }];
      await store.ask({ charges });
      shim.faults.push("lost-reply");
      expect((await store.ask({ charges })).trouble).toBeInstanceOf(StoreUnavailable);
      expect((await store.ask({ charges })).standings?.[0]?.remaining).toBe(47);
    });
  });

  test("two instances whose clocks are 90 seconds apart count one user together (R-16, R-24)", async () => {
    const hashSubject = await createHashSubject(SECRET);
    const stores = [-90_000, 90_000].map(
      (skewMs) => new RedisAdmissionStore({ redis, now: () => Date.now() + skewMs, hashSubject }),
    );
    // Each learns the store's time with its first question.
    for (const store of stores) await store.ask({ charges: [{ limit: LIMIT, subject: "first" }] });
    const charges = [{ limit: { ...LIMIT, windowMs: 3_600_000 }, subject: "two" }];
    const answers = await Promise.all(Array.from({ length: 500 }, (_, index) => stores[index % 2]!.ask({ charges })));
    const standings = answers.flatMap((answer) => answer.standings ?? []);
    expect(standings.filter(({ allowed }) => allowed).length).toBe(50);
    for (const { resetInMs } of standings) {
      expect(resetInMs).toBeGreaterThan(0);
      expect(resetInMs).toBeLessThanOrEqual(3_600_000);
    }
  });

  test("no name of anybody stands in Redis, and no key stays for ever", async () => {
    const store = new RedisAdmissionStore({ redis, now: Date.now, hashSubject: await createHashSubject(SECRET) });
    await store.ask({ charges: [{ limit: LIMIT, subject: "email somebody@devmatch.example" }] });
    await store.acquaint("email somebody@devmatch.example from 192.0.2.1");
    const [limits, met] = await redis.run([
      ["KEYS", "*:limit:*"],
      ["KEYS", "*:met:*"],
    ]);
    const keys = [limits, met].flat();
    expect(keys.length).toBeGreaterThan(1);
    expect(JSON.stringify(keys)).not.toMatch(/somebody|devmatch\.example/);
    for (const key of keys as string[]) {
      const [ttlMs] = await redis.run([["PTTL", key]]);
      expect(ttlMs, key).toBeGreaterThan(0);
    }
  });
});

/** A Redis that answers as it is told, and remembers what it was asked. */
function scriptedRedis(answer: (command: RedisCommand, trip: number) => RedisReply) {
  const trips: (readonly RedisCommand[])[] = [];
  const redis: Redis = {
    async run(commands) {
      trips.push(commands);
      return commands.map((command) => answer(command, trips.length));
    },
  };
  return { redis, trips };
}

const TOKEN = { tokenId: "t-1", sessionId: "s-1" };
const CHARGES = ["a", "b"].map((subject) => ({ limit: LIMIT, subject }));
const QUESTION = { charges: CHARGES, token: TOKEN, acquaintance: "a from here" };

async function storeOn(redis: Redis): Promise<RedisAdmissionStore> {
  const now = () => 1_000_000;
  return new RedisAdmissionStore({ redis, now, hashSubject: async (subject) => subject });
}

const NOTHING = { standings: undefined, revoked: undefined, acquainted: undefined };

async function expectTrouble(redis: Redis): Promise<AdmissionAnswer> {
  const answer = await (await storeOn(redis)).ask(QUESTION);
  expect(answer.trouble).toBeInstanceOf(StoreUnavailable);
  return answer;
}

const COUNTS: RedisReply = [
  [49, 50],
  [48, 50],
];

const good = ([name]: RedisCommand): RedisReply => {
  if (name === "MGET") return [null, null];
  if (name === "EXISTS") return 1;
  return name === "TIME" ? ["1000", "0"] : COUNTS;
};

describe("the round trips of a question", () => {
  test("are one: limits, revocation and, now and then, the time", async () => {
    const { redis, trips } = scriptedRedis(good);
    const store = await storeOn(redis);
    await store.ask(QUESTION);
    await store.ask(QUESTION);
    expect(trips.map((commands) => commands.map(([name]) => name))).toEqual([
      ["EVALSHA", "MGET", "EXISTS", "TIME"],
      ["EVALSHA", "MGET", "EXISTS"],
    ]);
  });

  test("are two where Redis has forgotten the script, and nothing is asked twice that was answered (R-14)", async () => {
    const { redis, trips } = scriptedRedis((command) =>
      command[0] === "EVALSHA" ? new RedisError("NOSCRIPT No matching script. Please use EVAL.") : good(command),
    );
    const store = await storeOn(redis);
    expect((await store.ask(QUESTION)).standings?.map(({ remaining }) => remaining)).toEqual([49, 48]);
    expect(trips.map((commands) => commands.map(([name]) => name))).toEqual([
      ["EVALSHA", "MGET", "EXISTS", "TIME"],
      ["EVAL"],
    ]);
  });

  test("are none for a question about nothing", async () => {
    const { redis, trips } = scriptedRedis(good);
    await (await storeOn(redis)).ask({ charges: [] });
    expect(trips).toEqual([]);
  });

  test("are not repeated where an answer was lost: a request is charged once at most (R-15)", async () => {
    let asked = 0;
    const redis: Redis = {
      async run() {
        asked += 1;
        throw new StoreUnavailable("no answer within 50 ms");
      },
    };
    expect(await expectTrouble(redis)).toMatchObject(NOTHING);
    expect(asked).toBe(1);
  });
});

describe("an answer that makes no sense is none (R-14)", () => {
  /** A good count, and another one. */
  const counts = (other: RedisReply): RedisReply => [[49, 50], other];
  const rows: readonly (readonly [because: string, name: string, reply: RedisReply])[] = [
    ["text", "EVALSHA", "OK"],
    ["nothing", "EVALSHA", null],
    ["a number", "EVALSHA", 49],
    ["an empty list", "EVALSHA", []],
    ["numbers", "EVALSHA", [49, 50]],
    ["one count too few", "EVALSHA", [[49, 50]]],
    ["one count too many", "EVALSHA", [...COUNTS, [49, 50]]],
    ["texts", "EVALSHA", counts(["49", "50"])],
    ["one number too few", "EVALSHA", counts([49])],
    ["one too many", "EVALSHA", counts([49, 50, 1])],
    ["another quota", "EVALSHA", counts([49, 51])],
    ["more left than there is", "EVALSHA", counts([50, 50])],
    ["less than nothing left", "EVALSHA", counts([-2, 50])],
    ["a fraction", "EVALSHA", counts([0.5, 50])],
    ["no number", "EVALSHA", counts([Number.NaN, 50])],
    ["infinitely many", "EVALSHA", counts([Number.POSITIVE_INFINITY, 50])],
    ["a key of another kind", "EVALSHA", new RedisError("WRONGTYPE Operation against a key")],
    ["no memory", "EVALSHA", new RedisError("OOM command not allowed")],
    ["an error in the list", "EVALSHA", counts([new RedisError("ERR"), 50])],
    ["an error for a count", "EVALSHA", counts(new RedisError("ERR"))],
    ["a revocation that is none", "MGET", "OK"],
    ["an acquaintance that is none", "EXISTS", "OK"],
    ["a time that is none", "TIME", ["x"]],
    ["a time of nothing", "TIME", [null, null]],
    ["a time that is no text", "TIME", [1000, 0]],
    ["a time with more to it", "TIME", ["1000", "0", "0"]],
    ["a time at the end of days", "TIME", ["1e300", "0"]],
    ["a time before all others", "TIME", ["-1000", "0"]],
    ["a time far beyond every revocation's end", "TIME", ["99999999999", "0"]],
    ["no time", "TIME", null],
  ];
  test.each(rows)("%s (%s): the other parts of it count", async (_because, name, reply) => {
    const { redis } = scriptedRedis((command) => (command[0] === name ? reply : good(command)));
    const { standings, revoked, acquainted } = await expectTrouble(redis);
    expect(standings === undefined).toBe(name === "EVALSHA");
    expect(revoked).toBe(name === "MGET" ? undefined : false);
    expect(acquainted).toBe(name === "EXISTS" ? undefined : true);
  });

  test("as many replies as there were no commands", async () => {
    const redis: Redis = { run: async () => [[49, 50]] };
    expect(await expectTrouble(redis)).toMatchObject(NOTHING);
  });

  test("a script that is forgotten each time it is sent", async () => {
    const { redis, trips } = scriptedRedis((command) =>
      command[0].startsWith("EVAL") ? new RedisError("NOSCRIPT No matching script.") : good(command),
    );
    await expectTrouble(redis);
    expect(trips.length).toBe(2);
  });
});
