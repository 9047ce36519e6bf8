/**
 * How many second attempts one service may get (gRFC A6, "Throttling Retry Attempts"): a bucket that failures empty and
 * successes fill slowly. While more than half of it is there, attempts may be repeated; so a service that fails a few
 * calls is asked again, and one that is down is not asked twice as much for it.
 */
export interface RetryBudget {
  /** True while there is enough for one more attempt. */
  allows(): boolean;
  /** An attempt was answered. */
  noteSuccess(): void;
  /** An attempt failed in a way that another one might not, or an additional one was made. */
  spend(): void;
}

const MAX_TOKENS = 10;
/** Counted in tenths, since ten times 0.1 is not 1. */
const TENTHS = 10;

/** Makes a full bucket: 10 tokens, one for each failure, a tenth back for each success. */
export function createRetryBudget(): RetryBudget {
  const full = MAX_TOKENS * TENTHS;
  let tenths = full;
  return {
    allows: () => tenths > full / 2,
    noteSuccess() {
      if (tenths < full) tenths += 1;
    },
    spend() {
      tenths = Math.max(0, tenths - TENTHS);
    },
  };
}
