import type { Config } from "../config.ts";
import type { Redis } from "../store/redis.ts";
import { createUpstashRedis } from "../store/upstash-redis.ts";
import { createTcpRedis } from "./tcp-redis.ts";

export interface OpenRedis {
  /** Undefined where none is configured. */
  readonly redis: Redis | undefined;
  readonly close: () => void;
}

/** The Redis that the configuration names. Waits for none: a gateway starts without its store, and finds it later. */
export function openRedis({ redis: address, redisTimeoutMs: timeoutMs }: Config): OpenRedis {
  switch (address?.kind) {
    case undefined:
      return { redis: undefined, close: () => {} };
    case "tcp": {
      const redis = createTcpRedis({ url: address.url, timeoutMs });
      return { redis, close: redis.close };
    }
    case "upstash": {
      const { url, token } = address;
      return { redis: createUpstashRedis({ url, token, timeoutMs, fetch: globalThis.fetch }), close: () => {} };
    }
  }
}
