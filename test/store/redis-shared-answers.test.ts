import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTcpRedis, type TcpRedis } from "#src/node/tcp-redis.ts";
import { RedisError, type RedisReply } from "#src/store/redis.ts";
import { createRedisSharedAnswers } from "#src/store/redis-shared-answers.ts";
import { createUpstashRedis } from "#src/store/upstash-redis.ts";
import { sharedAnswersSuite } from "../suites/shared-answers-suite.ts";
import { createMemoryRedis } from "../support/memory-redis.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { untilReady } from "../support/until-ready.ts";
import { startUpstashShim, type UpstashShim } from "../support/upstash-shim.ts";

const clock = { now: 1_800_000_000_000 };
const value = { message: Uint8Array.of(1), askedAtMs: clock.now };

describe("in memory", () => {
  const redis = createMemoryRedis(clock);
  sharedAnswersSuite(() => createRedisSharedAnswers(redis));
});

describeWithRedis("in a real Redis", () => {
  /** Machines are slow at times, and this is not about time. */
  const timeoutMs = 10_000;
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedisServer();
  });
  afterAll(() => server.stop());

  describe("over TCP", () => {
    let redis: TcpRedis;
    beforeAll(async () => {
      redis = createTcpRedis({ url: server.url, timeoutMs });
      await untilReady(redis);
    });
    afterAll(() => redis.close());
    sharedAnswersSuite(() => createRedisSharedAnswers(redis));
  });

  describe("over Upstash's REST", () => {
    let shim: UpstashShim;
    beforeAll(async () => {
      shim = await startUpstashShim(server.url);
    });
    afterAll(() => shim.stop());
    sharedAnswersSuite(() =>
      createRedisSharedAnswers(createUpstashRedis({ url: shim.url, token: shim.token, fetch, timeoutMs })),
    );
  });
});

test("each look, and each write, is one round trip", async () => {
  const redis = createMemoryRedis(clock);
  const shared = createRedisSharedAnswers(redis);
  const { versions } = (await shared.read("k", ["a", "b"]))!;
  await shared.keep("k", versions, value, 1_000);
  await shared.invalidate(["a", "b"]);
  expect(redis.trips.map((commands) => commands.map(([name]) => name).join(" "))).toEqual([
    "GET GET GET",
    "SET",
    "SET SET",
  ]);
});

test("nothing is kept for ever, and no value outlives the versions that it has", async () => {
  const redis = createMemoryRedis(clock);
  const shared = createRedisSharedAnswers(redis);
  await shared.keep("short", [""], value, 1_000);
  await shared.keep("long", [""], value, 9e9);
  await shared.invalidate(["a"]);
  const lifetimes = [...redis.values.values()].map(({ untilMs }) => untilMs - clock.now);
  expect(lifetimes).toEqual([1_000, 3_600_000, 7_200_000]);
});

test("a store that is away is as if there were none", async () => {
  const redis = createMemoryRedis(clock);
  const shared = createRedisSharedAnswers(redis);
  redis.fail("away");
  expect(await shared.read("k", ["a"])).toBeUndefined();
  await expect(shared.keep("k", [""], value, 1_000)).resolves.toBeUndefined();
  await expect(shared.invalidate(["a"])).resolves.toBeUndefined();
});

test.each<[what: string, replies: RedisReply[]]>([
  ["a refused command", [new RedisError("WRONGTYPE"), null]],
  ["a refused one behind", [null, new RedisError("OOM")]],
])("%s is the store's failure", async (_what, replies) => {
  const redis = createMemoryRedis(clock);
  redis.fail(replies);
  expect(await createRedisSharedAnswers(redis).read("k", ["a"])).toBeUndefined();
});

test.each<[what: string, stored: RedisReply]>([
  ["no JSON", "<html>"],
  ["another JSON", "null"],
  ["a number", 7],
  ["nothing in it", "{}"],
  ["other versions", JSON.stringify({ versions: ["x"], askedAtMs: 1, message: "" })],
  ["fewer versions", JSON.stringify({ versions: [], askedAtMs: 1, message: "" })],
  ["a time that is none", JSON.stringify({ versions: [""], askedAtMs: "1", message: "" })],
  ["a message that is none", JSON.stringify({ versions: [""], askedAtMs: 1, message: 7 })],
  ["base64 that is none", JSON.stringify({ versions: [""], askedAtMs: 1, message: "%" })],
  ["a list", ["x"]],
])("%s in a value's place is no value", async (_what, stored) => {
  const redis = createMemoryRedis(clock);
  redis.fail([stored, null]);
  expect(await createRedisSharedAnswers(redis).read("k", ["a"])).toEqual({ versions: [""], value: undefined });
});
