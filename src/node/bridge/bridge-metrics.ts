import { MetricsRegistry } from "../../telemetry/metrics.ts";

/** Seconds, as for the gateway's requests. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export type BridgeMetrics = ReturnType<typeof createBridgeMetrics>;

/** Names of its own: what goes through the bridge has been counted by the gateway already. */
export function createBridgeMetrics() {
  const registry = new MetricsRegistry();
  return {
    calls: registry.counter("bridge_calls_total", "Calls that have ended.", ["service", "method", "status"]),
    callDuration: registry.histogram(
      "bridge_call_duration_seconds",
      "Time from a call's head to the end of its answer.",
      ["service", "method"],
      DURATION_BUCKETS,
    ),
    callsInFlight: registry.gauge("bridge_calls_in_flight", "Calls being passed on now.", ["service"]),
    refusals: registry.counter("bridge_refusals_total", "Requests that were no call: wrong secret, unknown path.", [
      "reason",
    ]),
    render: () => registry.render(),
  };
}
