/** The Durable Objects that wrangler.toml binds, by the names that the code knows them by. */
export const OBJECT_BINDINGS = ["CIRCUIT_BREAKERS", "METRICS_TOTALS"] as const;
