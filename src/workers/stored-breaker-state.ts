import { type BreakerState, INITIAL_BREAKER_STATE, type Slot } from "../upstream/breaker.ts";

/**
 * The state that was stored, if it is one. Anything else, such as what another version has left, is no reason to keep a
 * service shut: the breaker begins closed.
 */
export function storedBreakerState(stored: unknown): BreakerState {
  return isBreakerState(stored) ? stored : INITIAL_BREAKER_STATE;
}

function isBreakerState(stored: unknown): stored is BreakerState {
  if (!isRecord(stored) || !isCount(stored.epoch)) return false;
  switch (stored.kind) {
    case "closed":
      return isCount(stored.consecutiveFailures) && Array.isArray(stored.window) && stored.window.every(isSlot);
    case "open":
      return isCount(stored.openings) && Number.isFinite(stored.untilMs);
    case "half-open":
      return isCount(stored.openings) && Number.isFinite(stored.probeUntilMs);
    default:
      return false;
  }
}

function isSlot(stored: unknown): stored is Slot {
  return isRecord(stored) && Number.isFinite(stored.startMs) && isCount(stored.calls) && isCount(stored.failures);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** A whole number from 0 on. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
