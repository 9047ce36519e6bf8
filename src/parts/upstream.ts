import type { Config } from "../config.ts";
import type { Ports } from "../ports.ts";
import type { Dependency } from "../services/health.ts";
import { createRedisSharedAnswers } from "../store/redis-shared-answers.ts";
import { breakerOptionsOf } from "../upstream/breaker.ts";
import { createCallCache } from "../upstream/call-cache.ts";
import { probeGrpc } from "../upstream/health-probes.ts";
import { createPlatform, type Platform } from "../upstream/platform.ts";
import { createPresenceClient } from "../upstream/presence-client.ts";
import { PRESENCE_LABEL, UPSTREAM_SERVICES } from "../upstream/services.ts";
import { createWatchedBreakers } from "../upstream/watched-breakers.ts";
import type { Storage } from "./storage.ts";
import type { Telemetry } from "./telemetry.ts";

/** Everything behind the gateway, and how each of it is asked whether it is well. */
export interface Upstream {
  readonly platform: Platform;
  readonly dependencies: readonly Dependency[];
}

/** The services' clients with all that stands before a call: cache, breakers, caps. */
export function createUpstream(config: Config, ports: Ports, telemetry: Telemetry, { redis }: Storage): Upstream {
  const { presenceUrl, bridgeSecret, upstreamTimeoutMs: requestTimeoutMs } = config;
  const { transports, now, keepAlive, sharesWork = false } = ports;
  const { logger, metrics } = telemetry;
  const presence = createPresenceClient({ url: presenceUrl, fetch: ports.fetch, bridgeSecret, metrics, logger });
  const cache = createCallCache({
    ttlSeconds: config.cacheTtlSeconds,
    upstreamTimeoutMs: requestTimeoutMs,
    metrics,
    now,
    keepAlive,
    sharesWork,
    shared: redis && createRedisSharedAnswers(redis),
  });
  const options = breakerOptionsOf(config);
  const breakers = createWatchedBreakers({ create: ports.createBreaker, options, metrics, logger, now });
  const maxInFlight = config.upstreamMaxInFlight;
  const common = { transports, presence, breakers, maxInFlight, requestTimeoutMs, metrics, now, cache };
  return {
    platform: createPlatform(common),
    dependencies: [
      ...UPSTREAM_SERVICES.map(({ key, label }) => ({
        label,
        probe: (probeMs: number) => probeGrpc(transports[key], probeMs),
        breaker: () => breakers[key].kind(),
      })),
      { label: PRESENCE_LABEL, probe: presence.checkHealth },
      { label: "redis", ...(redis && { probe: redis.ping, breaker: redis.breaker }) },
      { label: "nats" },
    ],
  };
}
