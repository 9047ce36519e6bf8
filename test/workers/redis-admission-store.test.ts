import { describe, inject } from "vitest";
import { createHashSubject } from "../../src/store/hashed-subject.ts";
import { RedisAdmissionStore } from "../../src/store/redis-admission-store.ts";
import { revokedTokenKey } from "../../src/store/revocations.ts";
import { createUpstashRedis } from "../../src/store/upstash-redis.ts";
import { limiterSuite } from "../suites/limiter-suite.ts";
import { clockOf } from "../support/clock-of.ts";

const upstash = inject("upstash");

describe.runIf(upstash !== undefined)("limits in a real Redis, from workerd", () => {
  const { url = "", token = "" } = upstash ?? {};

  limiterSuite(async (now) => {
    // Machines are slow at times, and this is not about time.
    const redis = createUpstashRedis({ url, token, timeoutMs: 10_000, fetch: (input, init) => fetch(input, init) });
    const hashSubject = await createHashSubject("kX7-fake-but-random-looking-bytes-0f9a2c");
    const clock = clockOf(now);
    return {
      store: new RedisAdmissionStore({ redis, now, hashSubject, clock }),
      async revoke(tokenId, expiresAtSeconds) {
        await redis.run([["SET", revokedTokenKey(tokenId), expiresAtSeconds * 1000]]);
      },
      close: async () => {},
    };
  });
});
