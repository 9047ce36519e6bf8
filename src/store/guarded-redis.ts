import type { GatewayMetrics } from "../telemetry/gateway-metrics.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { BreakerOptions } from "../upstream/breaker.ts";
import type { BreakerKind } from "../upstream/breakers.ts";
import { createMemoryBreaker } from "../upstream/memory-breaker.ts";
import { type Redis, type RedisCommand, type RedisReply, StoreUnavailable } from "./redis.ts";

export interface GuardedRedis extends Redis {
  /** Asks the store itself, whatever the breaker says: an operator wants to know what is so now. */
  ping(): Promise<void>;
  breaker(): BreakerKind;
}

export interface GuardedRedisOptions {
  /** It keeps the time limit of a call: only it can give one up. */
  readonly redis: Redis;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly metrics: GatewayMetrics;
  readonly logger: Logger;
}

/**
 * Quicker than a service's breaker in both directions: every request asks the store, so three failures have cost three
 * requests the whole limit; and what is lost meanwhile (sign-ins, limits across instances) should be back within 10
 * seconds of the store, so the open time ends at 4.
 */
export const STORE_BREAKER_OPTIONS: BreakerOptions = {
  failureThreshold: 3,
  failureRate: 0.5,
  minimumCalls: 20,
  windowMs: 10_000,
  openMs: 500,
  maxOpenMs: 4_000,
  jitter: 0.5,
  probeMs: 1_000,
};

/** As in gateway_circuit_breaker_state. */
const STATE_NUMBERS: Readonly<Record<BreakerKind, number>> = { closed: 0, open: 1, "half-open": 2 };

/**
 * A Redis with a breaker of its own: a dead store costs a few requests its time limit, and the others nothing. While the
 * breaker is open a call fails at once, but for one at a time that finds out whether the store is back. On Workers every
 * isolate has its own: to share one, they would have to ask something else that can be dead.
 */
export function guardRedis({ redis, now, metrics, logger }: GuardedRedisOptions): GuardedRedis {
  const calls = {
    ok: metrics.storeCalls.labels({ status: "ok" }),
    failed: metrics.storeCalls.labels({ status: "failed" }),
    refused: metrics.storeCalls.labels({ status: "refused" }),
  };
  /** Of the last failure. */
  let reason = "";
  const breaker = createMemoryBreaker({
    options: STORE_BREAKER_OPTIONS,
    now,
    onChange({ from, to }) {
      metrics.storeBreakerState.set(STATE_NUMBERS[to]);
      // A failed probe is no news: the store was away and still is.
      if (from === "closed") {
        logger.log("warn", "the store cannot be used: limits are this process' own, and nobody can sign in", {
          reason,
        });
      }
      if (to === "closed") logger.log("info", "the store can be used again");
    },
  });

  return {
    async run(commands: readonly RedisCommand[]): Promise<readonly RedisReply[]> {
      const decision = await breaker.admit();
      if (!decision.admitted) {
        calls.refused.inc();
        const retryAfterSeconds = Math.ceil(decision.retryAfterMs / 1000);
        throw new StoreUnavailable("the store's breaker is open", { retryAfterSeconds });
      }
      try {
        const replies = await redis.run(commands);
        calls.ok.inc();
        decision.report("success");
        return replies;
      } catch (error) {
        const failure =
          error instanceof StoreUnavailable ? error : new StoreUnavailable("the call failed", { cause: error });
        calls.failed.inc();
        reason = failure.reason;
        decision.report("failure");
        throw failure;
      }
    },

    async ping() {
      await redis.run([["PING"]]);
    },

    breaker: breaker.kind,
  };
}
