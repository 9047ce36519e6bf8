import type { Message } from "@bufbuild/protobuf";
import { GatewayError } from "../errors.ts";
import type { Breaker } from "./breakers.ts";
import type { CallStep } from "./call.ts";
import { outcomeOf } from "./call-outcome.ts";
import { titleOf, type UpstreamService } from "./services.ts";

/**
 * A moment of each request's time is gone before its call begins. Where the ceiling for the whole request is below the
 * call's own, this share of it must do, or a service that hangs would never be at fault.
 */
const ENOUGH_OF_REQUEST = 0.9;

export interface BreakerStepOptions {
  readonly breaker: Breaker;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The ceiling for everything that one request waits for. */
  readonly requestTimeoutMs: number;
}

/**
 * Lets a call through while the breaker does, and tells the breaker what became of it. To be placed outside of whatever
 * makes several attempts of a call: what a further attempt mends is no failure of the service.
 */
export function guardWithBreaker({ breaker, now, requestTimeoutMs }: BreakerStepOptions, next: CallStep): CallStep {
  return async (call): Promise<Message> => {
    const asked = breaker.admit();
    // A healthy service's calls do not wait, not even for a turn of the event loop.
    const decision = asked instanceof Promise ? await asked : asked;
    if (!decision.admitted) throw breakerRefusal(call.service, decision.retryAfterMs);
    const leftMs = call.context.deadlineAtMs - now();
    try {
      const answer = await next(decision.isProbe ? { ...call, isProbe: true } : call);
      decision.report("success");
      return answer;
    } catch (error) {
      const enoughMs = Math.min(call.settings.timeoutMs, requestTimeoutMs * ENOUGH_OF_REQUEST);
      decision.report(outcomeOf(error, leftMs >= enoughMs));
      throw error;
    }
  };
}

export function breakerRefusal(service: UpstreamService, retryAfterMs: number): GatewayError {
  const detail = `The ${titleOf(service)} is not available, and is not asked for the moment.`;
  return new GatewayError("CIRCUIT_BREAKER_OPEN", detail, {
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)),
  });
}
