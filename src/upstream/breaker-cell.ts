import { type BreakerState, INITIAL_BREAKER_STATE } from "./breaker.ts";
import type { BreakerSetup } from "./breakers.ts";

/** The state of a breaker in memory, whose changes of kind are told. */
export interface BreakerCell {
  get(): BreakerState;
  set(next: BreakerState): void;
}

export function createBreakerCell({ now, onChange }: Pick<BreakerSetup, "now" | "onChange">): BreakerCell {
  let state: BreakerState = INITIAL_BREAKER_STATE;
  return {
    get: () => state,
    set(next) {
      const from = state.kind;
      state = next;
      if (next.kind === from) return;
      onChange({ from, to: next.kind, openMs: next.kind === "open" ? next.untilMs - now() : undefined });
    },
  };
}
