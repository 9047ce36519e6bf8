import type { Charge, Standing } from "../admission/admission-store.ts";
import { windowAt } from "../admission/sliding-window.ts";
import { KEY_PREFIX } from "./key-prefix.ts";
import { type RedisCommand, type RedisReply, StoreUnavailable } from "./redis.ts";
import { demandReply } from "./replies.ts";
import type { Script } from "./script.ts";

/**
 * The charges of one request by the sliding window, as one atomic step. Keys, two a charge: the counts of this window and
 * of the one before. Arguments, three a charge: the quota, the part of this window that is over, how long its count is
 * needed. Answers for each what is left, -1 for one that is over the limit, and the quota. What comes after a charge that
 * is over its limit is answered like the others, and does not count.
 */
export const SLIDING_WINDOW = `
local answer, counts = {}, true
for i = 1, #KEYS / 2 do
  local key, quota = KEYS[i * 2 - 1], tonumber(ARGV[i * 3 - 2])
  local current = tonumber(redis.call("GET", key) or "0")
  local previous = tonumber(redis.call("GET", KEYS[i * 2]) or "0")
  local left = quota - math.floor(previous * (1 - tonumber(ARGV[i * 3 - 1]))) - current
  if left < 1 then counts = false end
  if counts and redis.call("INCR", key) == 1 then redis.call("PEXPIRE", key, ARGV[i * 3]) end
  answer[i] = {math.max(left - 1, -1), quota}
end
return answer
`;

/** Beyond two windows: a count may be asked for a moment late. */
const KEPT_LONGER_MS = 1_000;

/** What charges, and who reads the reply. */
export interface Charging {
  readonly byName: RedisCommand;
  /** Where Redis does not know the script: that nothing ran, it says itself, so this is no repetition. */
  readonly bySource: RedisCommand;
  /** Throws StoreUnavailable for a reply that is none. */
  read(reply: RedisReply | undefined): readonly Standing[];
}

/**
 * Charges subjects (hashed) against limits that all instances of one Redis share, by the algorithm of
 * @upstash/ratelimit's sliding window. The library is the oracle in a test, and allows what we allow. We do not call it: it
 * costs a Worker 9 KiB of its 130 for these few lines, cuts its windows by this process's clock, charges one limit a
 * command, and has a third key that is always empty, which no cluster and few ACLs take.
 */
export function chargeInRedis(charges: readonly Charge[], { sha, source }: Script, nowMs: number): Charging {
  const windows = charges.map(({ limit }) => windowAt(nowMs, limit.windowMs));
  const keys = charges.flatMap(({ limit, subject }, each) => {
    const key = `${KEY_PREFIX}limit:${limit.name}:${subject}`;
    const { index } = windows[each]!;
    return [`${key}:${index}`, `${key}:${index - 1}`];
  });
  const values = charges.flatMap(({ limit: { quota, windowMs } }, each) => {
    return [quota, windows[each]!.elapsed, windowMs * 2 + KEPT_LONGER_MS];
  });
  const args = [keys.length, ...keys, ...values];
  return {
    byName: ["EVALSHA", sha, ...args],
    bySource: ["EVAL", source, ...args],
    read(reply) {
      const counts = demandReply(reply);
      if (!Array.isArray(counts) || counts.length !== charges.length) throw noCount();
      return charges.map(({ limit }, each) => {
        const remaining = remainingIn(counts[each], limit.quota);
        const { resetInMs } = windows[each]!;
        return { limit, allowed: remaining >= 0, remaining: Math.max(0, remaining), resetInMs };
      });
    },
  };
}

/** Anything but two such numbers is no count. */
function remainingIn(counts: RedisReply | undefined, quota: number): number {
  const [remaining, effective] = Array.isArray(counts) && counts.length === 2 ? counts : [];
  const isCount = typeof remaining === "number" && Number.isInteger(remaining) && remaining >= -1 && remaining < quota;
  // Another quota is another limit's.
  if (!isCount || effective !== quota) throw noCount();
  return remaining;
}

function noCount(): StoreUnavailable {
  return new StoreUnavailable("a limit's reply is no count");
}
