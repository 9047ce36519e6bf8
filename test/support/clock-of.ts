import type { StoreClock } from "#src/store/store-clock.ts";

/** A clock that a test sets: the store's own cannot be. */
export function clockOf(now: () => number): StoreClock {
  return { now, isDue: () => false, learn: () => {} };
}
