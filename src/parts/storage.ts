import { createAdmission } from "../admission/admission.ts";
import type { AdmissionStore } from "../admission/admission-store.ts";
import { MemoryAdmissionStore } from "../admission/memory-admission-store.ts";
import { SeenRevocations } from "../admission/seen-revocations.ts";
import type { Config } from "../config.ts";
import { MemorySessionStore } from "../identity/memory-session-store.ts";
import { type SessionStore, sessionTimes } from "../identity/session-store.ts";
import type { Ports } from "../ports.ts";
import { type GuardedRedis, guardRedis } from "../store/guarded-redis.ts";
import { createHashSubject } from "../store/hashed-subject.ts";
import type { Redis } from "../store/redis.ts";
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
  const { now, keepAlive } = ports;
  const { logger, metrics } = telemetry;
  const redis = ports.redis && guardRedis({ redis: ports.redis, now, metrics, logger });
  const { stored, store } = redis ? await storesOn(redis, config, now) : storesInMemory(config, now);
  const seen = new SeenRevocations({ now, ...sessionTimes(config.accessLifetimeSeconds) });
  const admission = createAdmission({ store, seen, now, metrics, logger, keepAlive });
  return { redis, sessions: seen.watch(stored), seen, admission };
}

interface Stores {
  readonly stored: SessionStore;
  readonly store: AdmissionStore;
}

async function storesOn(redis: Redis, { accessLifetimeSeconds, tokens }: Config, now: () => number): Promise<Stores> {
  const clock = createStoreClock(now);
  const hashSubject = await createHashSubject(tokens.secret);
  return {
    stored: await createRedisSessionStore({ redis, now, accessLifetimeSeconds, clock }),
    store: new RedisAdmissionStore({ redis, now, hashSubject, clock }),
  };
}

function storesInMemory({ accessLifetimeSeconds }: Config, now: () => number): Stores {
  const stored = new MemorySessionStore({ now, accessLifetimeSeconds });
  return { stored, store: new MemoryAdmissionStore(now, stored) };
}
