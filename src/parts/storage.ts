import { createAdmission } from "../admission/admission.ts";
import { MemoryAdmissionStore } from "../admission/memory-admission-store.ts";
import { SeenRevocations } from "../admission/seen-revocations.ts";
import type { Config } from "../config.ts";
import { MemorySessionStore } from "../identity/memory-session-store.ts";
import { type SessionStore, sessionTimes } from "../identity/session-store.ts";
import type { Ports } from "../ports.ts";
import { type GuardedRedis, guardRedis } from "../store/guarded-redis.ts";
import { createHashSubject } from "../store/hashed-subject.ts";
import { RedisAdmissionStore } from "../store/redis-admission-store.ts";
import { createRedisSessionStore } from "../store/redis-session-store.ts";
import { createStoreClock } from "../store/store-clock.ts";
import type { Telemetry } from "./telemetry.ts";

/** What is remembered from one request to the next, and whether the next one may come in. */
export interface Storage {
  /** Undefined where everything is kept in this process. */
  readonly redis: GuardedRedis | undefined;
  readonly sessions: SessionStore;
  /** What this process has seen revoked, which holds while no store can be asked. */
  readonly seen: SeenRevocations;
  readonly admission: ReturnType<typeof createAdmission>;
}

/** Sessions, limits and revocations: in Redis where there is one, else here. */
export async function createStorage(config: Config, ports: Ports, telemetry: Telemetry): Promise<Storage> {
  const { accessLifetimeSeconds, tokens } = config;
  const { now, keepAlive } = ports;
  const { logger, metrics } = telemetry;
  const redis = ports.redis && guardRedis({ redis: ports.redis, now, metrics, logger });
  const clock = createStoreClock(now);
  const stored = redis
    ? await createRedisSessionStore({ redis, now, accessLifetimeSeconds, clock })
    : new MemorySessionStore({ now, accessLifetimeSeconds });
  const store = redis
    ? new RedisAdmissionStore({ redis, now, hashSubject: await createHashSubject(tokens.secret), clock })
    : new MemoryAdmissionStore(now, stored);
  const seen = new SeenRevocations({ now, ...sessionTimes(accessLifetimeSeconds) });
  const admission = createAdmission({ store, seen, now, metrics, logger, keepAlive });
  return { redis, sessions: seen.watch(stored), seen, admission };
}
