import { Ratelimit } from "@upstash/ratelimit";
import type { RateLimit, Standing } from "../admission/admission-store.ts";
import { type WindowPosition, windowAt } from "../admission/sliding-window.ts";
import type { CommandBatch } from "./command-batch.ts";
import { KEY_PREFIX } from "./key-prefix.ts";
import { type RedisReply, StoreUnavailable } from "./redis.ts";
import { demandReply } from "./replies.ts";
import { isNoScript } from "./script.ts";

/** Charges a subject (hashed) in a batch. Must be called before the batch is waited for, to travel with it. */
export type ChargeInRedis = (subject: string, batch: CommandBatch, nowMs: number) => Promise<Standing>;

/** The library's window algorithm, without the wrapper that it is meant to be used in. */
type Algorithm = ReturnType<ReturnType<typeof Ratelimit.slidingWindow>>;
type Context = Parameters<Algorithm["limit"]>[0];

/**
 * A limit that all instances of one Redis share, by the sliding window of @upstash/ratelimit: its script, and how it is
 * called. Its `Ratelimit` around it is left out, since that answers "allowed" after a time-out, keeps blocked subjects in
 * a map that nobody bounds, and talks to Redis by itself; and so is its clock, for which we have the store's.
 *
 * Version 2.0.8 exactly: later scripts begin with a flag that only Upstash's servers know. The third key of the script is
 * always empty (a limit that is set in Redis, which we do not use): a Redis whose ACL names our keys must allow it, and
 * a cluster cannot run it.
 */
export function createRedisLimit(limit: RateLimit): ChargeInRedis {
  const { name, quota, windowMs } = limit;
  const algorithm = Ratelimit.slidingWindow(quota, `${windowMs} ms`)();
  return async (subject, batch, nowMs) => {
    const position = windowAt(nowMs, windowMs);
    const identifier = `${KEY_PREFIX}limit:${name}:${subject}`;
    const context = { redis: scriptsIn(batch, limit, identifier, position, nowMs), prefix: KEY_PREFIX };
    const answer = await algorithm.limit(context as unknown as Context, identifier);
    return { limit, allowed: answer.success, remaining: answer.remaining, resetInMs: position.resetInMs };
  };
}

/** The two functions of a Redis client that the algorithm calls: the second where Redis does not know the script. */
function scriptsIn(
  batch: CommandBatch,
  limit: RateLimit,
  identifier: string,
  { index }: WindowPosition,
  nowMs: number,
) {
  // Not what the library passes: that is stamped with this process's clock.
  const keys = [`${identifier}:${index}`, `${identifier}:${index - 1}`, ""];
  const call = async (command: "EVALSHA" | "EVAL", script: string) => {
    const args = [limit.quota, nowMs, limit.windowMs, 1];
    const reply = await batch.add([command, script, keys.length, ...keys, ...args]);
    // The library reads in the error's text that it has to send the script itself.
    if (command === "EVALSHA" && isNoScript(reply)) throw reply;
    return countsIn(reply, limit);
  };
  return {
    evalsha: (sha: string) => call("EVALSHA", sha),
    eval: (source: string) => call("EVAL", source),
  };
}

/**
 * `[remaining, quota]`, where -1 remaining is over the limit. Anything else is no count: the library would read it as
 * "over the limit" and refuse everybody.
 */
function countsIn(reply: RedisReply, { quota }: RateLimit): readonly [remaining: number, quota: number] {
  const counts = demandReply(reply);
  const [remaining, effective] = Array.isArray(counts) && counts.length === 2 ? counts : [];
  if (!Number.isInteger(remaining) || remaining < -1 || remaining >= quota || effective !== quota) {
    throw new StoreUnavailable("a limit's reply is no count");
  }
  return [remaining, quota];
}
