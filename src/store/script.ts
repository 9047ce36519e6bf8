import { type Redis, RedisError, type RedisReply } from "./redis.ts";
import { demandReply } from "./replies.ts";

/** A Lua script with the name that Redis knows it by. */
export interface Script {
  readonly source: string;
  /** SHA-1 of the source in hexadecimal: the name for EVALSHA, not a matter of safety. */
  readonly sha: string;
}

export async function createScript(source: string): Promise<Script> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(source));
  const sha = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { source, sha };
}

/**
 * Runs a script as one atomic step, in one round trip: by its name, and with its source once where Redis does not know
 * it (a new server, SCRIPT FLUSH, a failover). NOSCRIPT says that nothing ran, so the second attempt is no repetition.
 */
export async function runScript(
  redis: Redis,
  { source, sha }: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<Exclude<RedisReply, RedisError>> {
  const [reply] = await redis.run([["EVALSHA", sha, keys.length, ...keys, ...args]]);
  if (!isNoScript(reply)) return demandReply(reply);
  const [second] = await redis.run([["EVAL", source, keys.length, ...keys, ...args]]);
  return demandReply(second);
}

export function isNoScript(reply: unknown): boolean {
  return reply instanceof RedisError && reply.message.startsWith("NOSCRIPT");
}
