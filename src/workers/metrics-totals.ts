import { DurableObject } from "cloudflare:workers";

/** Sums the metrics of all isolates. */
export class MetricsTotals extends DurableObject {}
