import { type Redis, type RedisCommand, RedisError, type RedisReply, StoreUnavailable } from "./redis.ts";

/**
 * A reply that is none of Redis' own errors. Where such an error decides about a session or a revocation the store is
 * unusable, whatever it says: OOM and READONLY pass, WRONGTYPE means that somebody else writes our keys, and none of
 * them is the client's fault.
 */
export function demandReply(reply: RedisReply | undefined): Exclude<RedisReply, RedisError> {
  if (reply === undefined) throw new StoreUnavailable("a command got no reply");
  // Its text may repeat keys and values, so only its first word goes on, and only where that is a code of Redis.
  if (reply instanceof RedisError) throw new StoreUnavailable(`Redis refused a command: ${errorCodeOf(reply)}`);
  return reply;
}

/** Runs one command. Rejects with StoreUnavailable also where Redis refuses it. */
export async function runOne(redis: Redis, command: RedisCommand): Promise<Exclude<RedisReply, RedisError>> {
  const [reply] = await redis.run([command]);
  return demandReply(reply);
}

/** The code that begins an error's text, e.g. `WRONGTYPE`. */
function errorCodeOf({ message }: RedisError): string {
  return /^[A-Z]{2,20}\b/.exec(message)?.[0] ?? "an error without a code";
}
