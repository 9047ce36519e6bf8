import type { RateLimit, Standing } from "../admission/admission-store.ts";
import { windowAt } from "../admission/sliding-window.ts";
import type { CommandBatch } from "./command-batch.ts";
import { KEY_PREFIX } from "./key-prefix.ts";
import { type RedisReply, StoreUnavailable } from "./redis.ts";
import { demandReply } from "./replies.ts";
import { isNoScript, type Script } from "./script.ts";

/** Charges a subject (hashed) in a batch. Must be called before the batch is waited for, to travel with it. */
export type ChargeInRedis = (subject: string, batch: CommandBatch, nowMs: number) => Promise<Standing>;

/**
 * One charge by the sliding window, as one atomic step. Keys: the counts of this window and of the one before. Arguments:
 * the quota, the part of this window that is over, how long its count is needed. Answers what is left, -1 for a charge
 * that is over the limit, and the quota.
 */
export const SLIDING_WINDOW = `
local quota = tonumber(ARGV[1])
local current = tonumber(redis.call("GET", KEYS[1]) or "0")
local previous = tonumber(redis.call("GET", KEYS[2]) or "0")
local used = math.floor(previous * (1 - tonumber(ARGV[2]))) + current
if used >= quota then return {-1, quota} end
if redis.call("INCR", KEYS[1]) == 1 then redis.call("PEXPIRE", KEYS[1], ARGV[3]) end
return {quota - used - 1, quota}
`;

/** Beyond two windows: a count may be asked for a moment late. */
const KEPT_LONGER_MS = 1_000;

/**
 * A limit that all instances of one Redis share, by the algorithm of @upstash/ratelimit's sliding window. The library is
 * the oracle in a test, and allows what we allow. We do not call it: it costs a Worker 9 KiB of its 130 for these few lines,
 * cuts its windows by this process's clock, and has a third key that is always empty, which no cluster and few ACLs take.
 */
export function createRedisLimit(limit: RateLimit, script: Script): ChargeInRedis {
  const { name, quota, windowMs } = limit;
  return async (subject, batch, nowMs) => {
    const { index, elapsed, resetInMs } = windowAt(nowMs, windowMs);
    const key = `${KEY_PREFIX}limit:${name}:${subject}`;
    const keys = [`${key}:${index}`, `${key}:${index - 1}`];
    const args = [keys.length, ...keys, quota, elapsed, windowMs * 2 + KEPT_LONGER_MS];
    const byName = await batch.add(["EVALSHA", script.sha, ...args]);
    const remaining = remainingIn(
      isNoScript(byName) ? await batch.add(["EVAL", script.source, ...args]) : byName,
      quota,
    );
    return { limit, allowed: remaining >= 0, remaining: Math.max(0, remaining), resetInMs };
  };
}

/** Anything but two such numbers is no count. */
function remainingIn(reply: RedisReply, quota: number): number {
  const counts = demandReply(reply);
  const [remaining, effective] = Array.isArray(counts) && counts.length === 2 ? counts : [];
  if (typeof remaining !== "number" || !Number.isInteger(remaining) || remaining < -1 || remaining >= quota) {
    throw new StoreUnavailable("a limit's reply is no count");
  }
  if (effective !== quota) throw new StoreUnavailable("a limit's reply is about another quota");
  return remaining;
}
