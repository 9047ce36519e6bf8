import type { CreateBreaker } from "#src/upstream/breakers.ts";
import type { Outcome } from "#src/upstream/tally.ts";

/** A breaker that lets every call through, and remembers what it is told. */
export function recordingBreaker() {
  const outcomes: Outcome[] = [];
  const create: CreateBreaker = () => ({
    admit: () => ({ admitted: true, isProbe: false, report: (outcome) => outcomes.push(outcome) }),
    kind: () => "closed",
  });
  return { create, outcomes };
}
