import { MetricsRegistry } from "./metrics.ts";

/** Seconds. Fine where a healthy request falls, coarse up to the longest call that we wait for. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The metrics that dashboards know, with their names and labels (contract.md section 6). */
export type GatewayMetrics = ReturnType<typeof createGatewayMetrics>;

/** Makes the gateway's metrics, one set for a process or isolate. */
export function createGatewayMetrics() {
  const registry = new MetricsRegistry();
  return {
    requests: registry.counter("gateway_requests_total", "Requests answered.", ["method", "route", "status"]),
    requestDuration: registry.histogram(
      "gateway_request_duration_seconds",
      "Time from a request's head to its answer's head.",
      ["method", "route"],
      DURATION_BUCKETS,
    ),
    activeConnections: registry.gauge("gateway_active_connections", "Requests being answered now.", []).labels({}),
    serviceCalls: registry.counter("gateway_service_calls_total", "Calls to the platform's services.", [
      "service",
      "method",
      "status",
    ]),
    callsInFlight: registry.gauge("gateway_service_calls_in_flight", "Calls to a service that are under way now.", [
      "service",
    ]),
    openStreams: registry.gauge("gateway_service_streams_open", "Streams of a service that are open now.", ["service"]),
    upstreamRetries: registry.counter(
      "gateway_upstream_retries_total",
      "Calls to the platform's services that were made again, by why.",
      ["service", "method", "reason"],
    ),
    cacheRequests: registry.counter(
      "gateway_cache_requests_total",
      "Calls that may be answered from what is kept, by what became of them.",
      ["service", "method", "outcome"],
    ),
    breakerState: registry.gauge(
      "gateway_circuit_breaker_state",
      "Circuit breaker of a service: 0 closed, 1 open, 2 half-open.",
      ["service"],
      // Half-open before open before closed: what is not well anywhere is what an alert is for.
      "max",
    ),
    rateLimited: registry.counter("gateway_rate_limited_total", "Requests refused by a limit, by its policy.", [
      "policy",
    ]),
    storeFallbacks: registry.counter(
      "gateway_store_fallbacks_total",
      "What was decided without the store, since it was unusable: limits, or a token's revocation.",
      ["feature"],
    ),
    registry,
    storeCalls: registry.counter(
      "gateway_store_calls_total",
      "Round trips to Redis: ok, failed, or refused because its breaker is open.",
      ["status"],
    ),
    storeBreakerState: registry
      .gauge(
        "gateway_store_breaker_state",
        "Circuit breaker of Redis: 0 closed, 1 open, 2 half-open; 0 where there is none.",
        [],
        "max",
      )
      .labels({}),
    render: () => registry.render(),
  };
}
