import { DurableObject } from "cloudflare:workers";
import type { MetricsSample } from "../telemetry/metrics.ts";
import type { MetricsBatch, MetricsLedger } from "../telemetry/metrics-ledger.ts";
import { SqliteMetricsLedger } from "./sqlite-metrics-ledger.ts";

/** Adds up the metrics of all isolates. There is one. */
export class MetricsTotals extends DurableObject {
  readonly #ledger: SqliteMetricsLedger;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    this.#ledger = new SqliteMetricsLedger(state.storage, () => Date.now());
  }

  /** Its reply leaves when what it wrote is on disk: the platform sees to that. */
  add(batch: MetricsBatch): void {
    this.#ledger.add(batch);
  }

  read(): readonly MetricsSample[] {
    return this.#ledger.read();
  }
}

/** The ledger as an isolate sees it. A stub belongs to the request that took it, and is of no use once it threw. */
export function createMetricsLedger(
  namespace: Pick<DurableObjectNamespace<MetricsTotals>, "getByName">,
): MetricsLedger {
  const object = () => namespace.getByName("all");
  return {
    add: async (batch) => await object().add(batch),
    read: async () => await object().read(),
  };
}
