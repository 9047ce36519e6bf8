import {
  MAX_REPLACED_GENERATIONS,
  MAX_SESSIONS_PER_USER,
  ROTATION_GRACE_MS,
  type Rotation,
  revokedUntilMs,
  type SessionState,
  type SessionStore,
  sessionTimes,
} from "../identity/session-store.ts";
import { KEY_PREFIX } from "./key-prefix.ts";
import { type Redis, type RedisReply, StoreUnavailable } from "./redis.ts";
import { demandReply, runOne } from "./replies.ts";
import { revokedSessionKey, revokedTokenKey } from "./revocations.ts";
import { runScript, type Script } from "./script.ts";
import { createSessionScripts } from "./session-scripts.ts";
import { createStoreClock, type StoreClock } from "./store-clock.ts";

export interface RedisSessionStoreOptions {
  readonly redis: Redis;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Of a token minted now. */
  readonly accessLifetimeSeconds: number;
  /** What is known of Redis' time: one of its own unless told. */
  readonly clock?: StoreClock;
  /**
   * Whose clock decides in scripts, about limits and the grace: Redis' own, or for tests, where time passes as they
   * like, `clock`. Default `redis`.
   */
  readonly scriptsGoBy?: "redis" | "clock";
}

const SCRATCH_KEY_MS = 60_000;

/**
 * How late a rotation may run. A Redis that stood still runs on waking what lies in its sockets, also what was given up
 * long ago: its sender was told to try again, and would come after the grace of a rotation that it never heard of.
 */
const LATEST_ROTATION_MS = 5_000;

/**
 * Sessions in Redis, for as many instances as there are. Every operation is one round trip and one atomic step. Any of
 * them may be repeated after its answer was lost: a rotation is then "repeated" within its grace, and what is ended stays
 * ended.
 */
export async function createRedisSessionStore(options: RedisSessionStoreOptions): Promise<SessionStore> {
  const { redis, now, accessLifetimeSeconds, clock = createStoreClock(now), scriptsGoBy = "redis" } = options;
  const { idleMs, revokedForMs } = sessionTimes(accessLifetimeSeconds);
  const scripts = await createSessionScripts();
  const run = (script: Script, keys: readonly string[], ...args: readonly (string | number)[]) =>
    runScript(redis, script, keys, [KEY_PREFIX, scriptsGoBy === "clock" ? clock.now() : "", ...args]);

  return {
    // A write: a replica and a full server still answer PING.
    async demandUsable() {
      await runOne(redis, ["SET", `${KEY_PREFIX}usable`, "1", "PX", SCRATCH_KEY_MS]);
    },

    async create({ sessionId, userId, expiresAtMs }) {
      const limits = [idleMs, revokedForMs, MAX_SESSIONS_PER_USER];
      const keys = [sessionKey(sessionId), userKey(userId)];
      await run(scripts.create, keys, sessionId, userId, expiresAtMs, ...limits);
    },

    async find(sessionId) {
      const askedAtMs = now();
      const [fields, time] = await redis.run([["HMGET", sessionKey(sessionId), ...FIELDS], ["TIME"]]);
      clock.learn(time, askedAtMs, now());
      return readSession(sessionId, demandReply(fields), clock.now());
    },

    async rotate(sessionId, generation) {
      // Every refresh finds the session before it rotates it, so Redis' time is known.
      const latestMs = clock.isDue() || scriptsGoBy === "clock" ? "" : clock.now() + LATEST_ROTATION_MS;
      const limits = [ROTATION_GRACE_MS, idleMs, revokedForMs, MAX_REPLACED_GENERATIONS, latestMs];
      return readRotation(await run(scripts.rotate, keysOf(sessionId), sessionId, generation, ...limits));
    },

    async revokeSession(sessionId) {
      await run(scripts.revokeSession, keysOf(sessionId), sessionId, revokedForMs);
    },

    async revokeUser(userId) {
      await run(scripts.revokeUser, [userKey(userId)], userId, revokedForMs);
    },

    async revokeToken(tokenId, expiresAtSeconds) {
      // A token that has expired needs no revocation, and Redis no key that has ended before it begins.
      const leftMs = Math.ceil(revokedUntilMs(expiresAtSeconds) - now());
      if (leftMs <= 0) return;
      // By the time that it will be read by, which is not that of our clock.
      await runOne(redis, ["SET", revokedTokenKey(tokenId), Math.ceil(clock.now() + leftMs), "PX", leftMs]);
    },
  };
}

// As session-scripts.ts makes them.
const sessionKey = (sessionId: string) => `${KEY_PREFIX}session:${sessionId}`;
const userKey = (userId: string) => `${KEY_PREFIX}sessions-of:${userId}`;
const keysOf = (sessionId: string) => [sessionKey(sessionId), revokedSessionKey(sessionId)];

const FIELDS = ["user", "ends", "idle", "generation"] as const;

function readSession(sessionId: string, reply: RedisReply, nowMs: number): SessionState | undefined {
  if (!Array.isArray(reply) || reply.length !== FIELDS.length) throw unreadable();
  if (reply.every((value) => value === null)) return undefined;
  const [userId, ends, idle, generation] = reply;
  if (typeof userId !== "string") throw unreadable();
  const [expiresAtMs, idleAtMs] = [toNumber(ends), toNumber(idle)];
  if (expiresAtMs <= nowMs || idleAtMs <= nowMs) return undefined;
  return { sessionId, userId, expiresAtMs, generation: toNumber(generation) };
}

function readRotation(reply: RedisReply): Rotation {
  if (!Array.isArray(reply)) throw unreadable();
  const [kind, generation] = reply;
  switch (kind) {
    case "rotated":
    case "repeated":
      return { kind, generation: toNumber(generation) };
    case "replayed":
    case "unknown":
      return { kind };
    case "late":
      throw new StoreUnavailable("Redis ran a rotation too late");
    default:
      throw unreadable();
  }
}

function toNumber(value: RedisReply | undefined): number {
  if (typeof value !== "string" || !/^\d{1,15}$/.test(value)) throw unreadable();
  return Number(value);
}

function unreadable(): StoreUnavailable {
  return new StoreUnavailable("a session in the store cannot be read");
}
