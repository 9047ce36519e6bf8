import { describe, expect, inject, test } from "vitest";
import { createUpstashRedis } from "../../src/store/upstash-redis.ts";
import { sessionStoreSuite } from "../suites/session-store-suite.ts";
import { openRedisSessions } from "../support/redis-sessions.ts";

const upstash = inject("upstash");
const open = (url: string, token: string, timeoutMs: number) =>
  createUpstashRedis({ url, token, timeoutMs, fetch: (input, init) => fetch(input, init) });

describe.runIf(upstash !== undefined)("sessions in a real Redis, from workerd", () => {
  const { url = "", token = "" } = upstash ?? {};

  // Machines are slow at times, and this is not about time.
  sessionStoreSuite("upstash", ({ now }) => openRedisSessions(open(url, token, 10_000), now));

  test("text survives whatever its characters are", async () => {
    const redis = open(url, token, 10_000);
    expect(
      await redis.run([
        ["SET", "k", "Zoë\r\n\0✓"],
        ["GET", "k"],
      ]),
    ).toEqual(["OK", "Zoë\r\n\0✓"]);
  });

  test("a wrong token is StoreUnavailable", async () => {
    await expect(open(url, "wrong", 10_000).run([["PING"]])).rejects.toMatchObject({ reason: "Upstash answered 401" });
  });
});

test.each([
  ["before the head", ""],
  ["in the body", "/body"],
])("an answer that hangs %s costs the limit and no more (R-12)", async (_what, path) => {
  const redis = open(`${inject("hangingUrl")}${path}`, "token", 50);
  await expect(redis.run([["PING"]])).rejects.toMatchObject({ reason: "no answer within 50 ms" });
});
