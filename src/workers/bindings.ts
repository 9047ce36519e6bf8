import type { CircuitBreaker } from "./circuit-breaker.ts";
import type { MetricsTotals } from "./metrics-totals.ts";

/** What wrangler.toml binds beside the variables of contract.md section 5. */
export interface Bindings {
  readonly CIRCUIT_BREAKERS: DurableObjectNamespace<CircuitBreaker>;
  readonly METRICS_TOTALS: DurableObjectNamespace<MetricsTotals>;
}

/** The variables among the bindings: whatever is text. */
export function variablesOf(bindings: object): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(bindings).filter(([, value]) => typeof value === "string"));
}
