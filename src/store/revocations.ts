import { KEY_PREFIX } from "./key-prefix.ts";
import { type RedisCommand, type RedisReply, StoreUnavailable } from "./redis.ts";
import { demandReply } from "./replies.ts";

/** Holds when the revocation of one access token ends. */
export function revokedTokenKey(tokenId: string): string {
  return `${KEY_PREFIX}revoked:jti:${tokenId}`;
}

/** Holds when the revocation of a session's access tokens ends. */
export function revokedSessionKey(sessionId: string): string {
  return `${KEY_PREFIX}revoked:sid:${sessionId}`;
}

/**
 * Asks whether a token or its session has been revoked. It is a command and a reader of its reply, not a function that
 * asks: so the question travels with others (a rate limit's) in the one round trip that a request may make.
 */
export function revocationCommand(token: {
  readonly tokenId: string;
  readonly sessionId: string | undefined;
}): RedisCommand {
  const keys = [revokedTokenKey(token.tokenId)];
  if (token.sessionId !== undefined) keys.push(revokedSessionKey(token.sessionId));
  return ["MGET", ...keys];
}

/**
 * What the command's reply says. A value is the end of a revocation in milliseconds since the epoch, by the store's clock
 * as far as it is known (store-clock.ts); the key's own end of life only cleans up. Throws StoreUnavailable for a reply that is none: whoever
 * cannot read it must not take it for "not revoked".
 */
export function readRevocation(reply: RedisReply | undefined, nowMs: number): boolean {
  const values = demandReply(reply);
  // One for the token, and one for its session where it has one.
  if (!Array.isArray(values) || values.length < 1 || values.length > 2)
    throw new StoreUnavailable("a revocation's reply is not what was asked for");
  // All of them, so that a bad one is noticed beside a good one.
  return values.map((value) => isInForce(value, nowMs)).includes(true);
}

function isInForce(value: RedisReply, nowMs: number): boolean {
  if (value === null) return false;
  if (typeof value !== "string" || !/^\d{1,15}$/.test(value)) {
    throw new StoreUnavailable("a revocation holds something else than its end");
  }
  return Number(value) > nowMs;
}
