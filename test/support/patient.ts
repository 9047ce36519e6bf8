import { type BreakerOptions, DEFAULT_BREAKER_OPTIONS } from "#src/upstream/breaker.ts";

/** So many failures no suite makes. */
const MORE_THAN_EVER = 1_000_000;

/** For suites that look at one failure after the other: none of them opens a circuit breaker. */
export const PATIENT: Readonly<Record<string, string>> = {
  CIRCUIT_BREAKER_FAILURE_THRESHOLD: String(MORE_THAN_EVER),
};

/** The same for a breaker that a test makes. */
export const PATIENT_BREAKER: BreakerOptions = {
  ...DEFAULT_BREAKER_OPTIONS,
  failureThreshold: MORE_THAN_EVER,
  minimumCalls: MORE_THAN_EVER,
};
