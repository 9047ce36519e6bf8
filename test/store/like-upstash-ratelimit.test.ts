import { Ratelimit } from "@upstash/ratelimit";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { RateLimit } from "#src/admission/admission-store.ts";
import { createTcpRedis, type TcpRedis } from "#src/node/tcp-redis.ts";
import type { RedisCommand } from "#src/store/redis.ts";
import { chargeInRedis, SLIDING_WINDOW } from "#src/store/redis-limit.ts";
import { runOne } from "#src/store/replies.ts";
import { createScript } from "#src/store/script.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { untilReady } from "../support/until-ready.ts";

const START_MS = Date.UTC(2030, 0, 2, 3, 4);

describeWithRedis("our script and that of @upstash/ratelimit, which is its oracle", () => {
  let server: RedisServer;
  let redis: TcpRedis;
  beforeAll(async () => {
    server = await startRedisServer();
    redis = createTcpRedis({ url: server.url, timeoutMs: 10_000 });
    await untilReady(redis);
  });
  afterAll(async () => {
    redis.close();
    await server.stop();
  });
  // The library cuts its windows by the process's clock.
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
  afterEach(() => void vi.useRealTimers());

  /** The library's algorithm on this Redis. */
  const upstash = ({ quota, windowMs }: RateLimit) => {
    const algorithm = Ratelimit.slidingWindow(quota, `${windowMs} ms`)();
    const evalsha = (_sha: string, keys: string[], args: number[]) => script(keys, args);
    let source = "";
    const script = (keys: string[], args: number[]) => {
      if (source === "") throw new Error("NOSCRIPT");
      return runOne(redis, ["EVAL", source, keys.length, ...keys, ...args]);
    };
    const context = {
      redis: {
        evalsha,
        eval: (text: string, keys: string[], args: number[]) => {
          source = text;
          return script(keys, args);
        },
      },
      prefix: "",
    };
    type Context = Parameters<typeof algorithm.limit>[0];
    return (subject: string) => algorithm.limit(context as unknown as Context, `upstash:${subject}`);
  };

  test("allow the same requests and leave the same", async () => {
    const ours = await createScript(SLIDING_WINDOW);
    let run = 0;
    const steps = fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom(1000, 1500, 777),
        steps,
        async (quota, windowMs, waits) => {
          run += 1;
          const limit: RateLimit = { name: "test", quota, windowMs };
          const theirs = upstash(limit);
          let nowMs = START_MS + run * 100_000;
          for (const wait of waits) {
            nowMs += wait;
            vi.setSystemTime(nowMs);
            const expected = await theirs(`subject-${run}`);
            const charges = [{ limit, subject: `subject-${run}` }];
            const { bySource, read } = chargeInRedis(charges, ours, nowMs);
            const [standing] = read(await runOne(redis, bySource));
            expect([standing?.allowed, standing?.remaining]).toEqual([expected.success, expected.remaining]);
            expect(nowMs + standing!.resetInMs).toBe(expected.reset);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test("keep a count for the same time", async () => {
    vi.setSystemTime(START_MS);
    const limit: RateLimit = { name: "ttl", quota: 5, windowMs: 60_000 };
    await upstash(limit)("ttl");
    const script = await createScript(SLIDING_WINDOW);
    await runOne(redis, chargeInRedis([{ limit, subject: "ttl" }], script, START_MS).bySource);
    const keys = (await runOne(redis, ["KEYS", "*ttl*"])) as string[];
    expect(keys.length).toBe(2);
    const ttls = await redis.run(keys.map((key): RedisCommand => ["PTTL", key]));
    for (const ttl of ttls) expect(Math.round(Number(ttl) / 1000)).toBe(121);
  });
});
