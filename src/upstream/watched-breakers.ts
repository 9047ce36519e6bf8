import type { GatewayMetrics } from "../telemetry/gateway-metrics.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { BreakerOptions } from "./breaker.ts";
import type { Breaker, BreakerKind, CreateBreaker } from "./breakers.ts";
import { UPSTREAM_SERVICES, type UpstreamService } from "./services.ts";

export interface WatchedBreakersOptions {
  readonly create: CreateBreaker;
  readonly options: BreakerOptions;
  readonly metrics: GatewayMetrics;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const GAUGE_VALUES: Readonly<Record<BreakerKind, number>> = { closed: 0, open: 1, "half-open": 2 };

/** Makes the breakers of all services, each with its metric and a line in the log at every change. */
export function createWatchedBreakers({
  create,
  options,
  metrics,
  logger,
  now,
}: WatchedBreakersOptions): Readonly<Record<UpstreamService, Breaker>> {
  const rows = UPSTREAM_SERVICES.map(({ key, label }) => {
    const gauge = metrics.breakerState.labels({ service: label });
    gauge.set(GAUGE_VALUES.closed);
    const breaker = create(key, {
      options,
      now,
      onChange: ({ from, to, openMs }) => {
        gauge.set(GAUGE_VALUES[to]);
        logger.log(to === "open" ? "warn" : "info", `the circuit breaker is ${to}`, {
          upstream: label,
          from,
          ...(openMs !== undefined && { open_ms: openMs }),
        });
      },
    });
    return [key, breaker] as const;
  });
  return Object.fromEntries(rows) as Record<UpstreamService, Breaker>;
}
