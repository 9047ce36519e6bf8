import type { Config } from "../config.ts";
import type { Redis } from "../store/redis.ts";
import { createUpstashRedis } from "../store/upstash-redis.ts";

/** Upstash, or nothing: the configuration has refused anything else. */
export function openRedis(
  { redis, redisTimeoutMs: timeoutMs }: Config,
  fetch: typeof globalThis.fetch,
): Redis | undefined {
  if (redis?.kind !== "upstash") return undefined;
  const { url, token } = redis;
  return createUpstashRedis({ url, token, timeoutMs, fetch });
}
