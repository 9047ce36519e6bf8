import { admit, type Permit, report } from "./breaker.ts";
import { createBreakerCell } from "./breaker-cell.ts";
import type { Breaker, BreakerSetup, Decision } from "./breakers.ts";
import type { Outcome } from "./tally.ts";

/** The breaker of one process: it knows what this process has seen, and asks nobody. */
export function createMemoryBreaker(setup: BreakerSetup): Breaker {
  const { options, now } = setup;
  const cell = createBreakerCell(setup);

  const admitted = (permit: Permit): Decision => ({
    admitted: true,
    isProbe: permit.kind === "probe",
    report: (outcome: Outcome) => cell.set(report(cell.get(), permit, outcome, now(), options, Math.random())),
  });

  return {
    admit() {
      const admission = admit(cell.get(), now(), options);
      cell.set(admission.state);
      return admission.admitted
        ? admitted(admission.permit)
        : { admitted: false, retryAfterMs: admission.retryAfterMs };
    },
    kind: () => cell.get().kind,
  };
}
