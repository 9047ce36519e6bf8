import { ConfigError, type Environment } from "../config/variable-reader.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";
import type { MetricsTotals } from "./metrics-totals.ts";
import { OBJECT_BINDINGS } from "./object-bindings.ts";

/** What wrangler.toml binds beside the variables of contract.md section 5. */
export interface Bindings {
  readonly CIRCUIT_BREAKERS: DurableObjectNamespace<CircuitBreaker>;
  readonly METRICS_TOTALS: DurableObjectNamespace<MetricsTotals>;
}

/**
 * The variables among the bindings. `X = 100` in wrangler.toml is a number here, and means what the text means; a list
 * or a table is no variable of ours, and throws a ConfigError that names it.
 */
export function variablesOf(bindings: object): Environment {
  const variables: Record<string, string> = {};
  const problems: string[] = [];
  for (const [name, value] of Object.entries(bindings)) {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      variables[name] = String(value);
    } else if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) {
      problems.push(`${name} must be text or a number`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return variables;
}

/**
 * What wrangler.toml should bind and does not. No error: objects are asked beside requests and never by one, so the
 * gateway answers without them, each isolate for itself.
 */
export function missingObjects(bindings: Partial<Bindings>): readonly string[] {
  return OBJECT_BINDINGS.filter((name) => typeof bindings[name]?.getByName !== "function");
}
