/**
 * What a call ended with. Nothing that a client can cause may be a `failure`: one caller could otherwise close a
 * service to everybody.
 */
export type Outcome =
  /** An answer, also one that refuses the request. */
  | "success"
  /** The connection, the deadline, or UNAVAILABLE: the service cannot be reached or does not keep up. */
  | "failure"
  /** INTERNAL, UNKNOWN, DATA_LOSS: perhaps the service, perhaps what this caller sent. Counts in the rate only. */
  | "suspect"
  /** The client went away, or its own deadline was too short: says nothing about the service. */
  | "neutral";

/** What several calls ended with, as far as a breaker cares. Neutral ones are not in it. */
export interface Tally {
  readonly calls: number;
  /** Failures and suspects: what the rate is made of. */
  readonly failures: number;
  /** The failures in a row at the end. */
  readonly row: number;
  /** There was a success, so that the row continues none from before. */
  readonly rowBegan: boolean;
}

export const EMPTY_TALLY: Tally = { calls: 0, failures: 0, row: 0, rowBegan: false };

const TALLY_OF_ONE: Readonly<Record<Outcome, Tally>> = {
  success: { calls: 1, failures: 0, row: 0, rowBegan: true },
  failure: { calls: 1, failures: 1, row: 1, rowBegan: false },
  // Neither adds to a row of failures nor ends it.
  suspect: { calls: 1, failures: 1, row: 0, rowBegan: false },
  neutral: EMPTY_TALLY,
};

/** The tally of a single call. */
export function tallyOf(outcome: Outcome): Tally {
  return TALLY_OF_ONE[outcome];
}

/** The tally with one more call in it, the latest. */
export function addToTally(earlier: Tally, outcome: Outcome): Tally {
  const later = TALLY_OF_ONE[outcome];
  return {
    calls: earlier.calls + later.calls,
    failures: earlier.failures + later.failures,
    row: later.rowBegan ? later.row : earlier.row + later.row,
    rowBegan: earlier.rowBegan || later.rowBegan,
  };
}
