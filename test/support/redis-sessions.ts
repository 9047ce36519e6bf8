import type { Redis } from "#src/store/redis.ts";
import { RedisAdmissionStore } from "#src/store/redis-admission-store.ts";
import { createRedisSessionStore } from "#src/store/redis-session-store.ts";
import {
  SUITE_ACCESS_LIFETIME_SECONDS as accessLifetimeSeconds,
  type SessionStoreUnderTest,
} from "../suites/session-store-suite.ts";
import { clockOf } from "./clock-of.ts";

/** Sessions in a Redis where time passes as a test likes, and what asks for their revocations. */
export async function openRedisSessions(redis: Redis, now: () => number): Promise<SessionStoreUnderTest> {
  const clock = clockOf(now);
  const admission = new RedisAdmissionStore({ redis, now, clock, hashSubject: async (subject) => subject });
  return {
    store: await createRedisSessionStore({ redis, now, accessLifetimeSeconds, clock, scriptsGoBy: "clock" }),
    async isRevoked(token) {
      const { revoked, trouble } = await admission.ask({ charges: [], token });
      if (revoked === undefined) throw trouble;
      return revoked;
    },
  };
}
