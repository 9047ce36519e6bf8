import { GatewayError } from "../errors.ts";
import type { Gauge } from "../telemetry/metrics.ts";
import type { CallStep } from "./call.ts";
import type { CallSlots } from "./call-slots.ts";
import { titleOf, type UpstreamService } from "./services.ts";

/** A slot is free again as soon as any of a hundred calls ends. */
const RETRY_AFTER_SECONDS = 1;
/** So long after its request's deadline a call is over, whatever has become of it. */
const GRACE_MS = 1_000;

/**
 * Lets so many calls of a service be under way at once as there are slots. The next is refused at once: a queue in front
 * of a service that hangs would only hold memory and people's time.
 */
export function limitInFlight(slots: CallSlots, gauge: Gauge, next: CallStep): CallStep {
  return async (call) => {
    const leave = slots.enter(call.context.deadlineAtMs + GRACE_MS);
    if (leave === undefined) throw busy(call.service);
    gauge.set(slots.taken());
    try {
      return await next(call);
    } finally {
      leave();
      gauge.set(slots.taken());
    }
  };
}

export function busy(service: UpstreamService): GatewayError {
  const options = { retryAfterSeconds: RETRY_AFTER_SECONDS };
  return new GatewayError("SERVICE_UNAVAILABLE", `The ${titleOf(service)} is busy.`, options);
}
