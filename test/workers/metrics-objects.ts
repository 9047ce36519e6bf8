import { env } from "cloudflare:test";
import type { MetricsLedger } from "../../src/telemetry/metrics-ledger.ts";
import { createMetricsLedger } from "../../src/workers/metrics-totals.ts";

export interface MetricsObject {
  readonly ledger: MetricsLedger;
  readonly stub: () => DurableObjectStub;
}

let objects = 0;

/** An object of its own for each test, behind the client that knows one name only. */
export function freshMetricsObject(): MetricsObject {
  objects += 1;
  const name = `test-${objects}`;
  const stub = () => env.METRICS_TOTALS.getByName(name);
  return { ledger: createMetricsLedger({ getByName: stub }), stub };
}
