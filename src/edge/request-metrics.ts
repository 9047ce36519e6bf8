import type { GatewayMetrics } from "../telemetry/gateway-metrics.ts";
import { methodLabel } from "../telemetry/method-label.ts";
import type { Counter, Histogram } from "../telemetry/metrics.ts";

/** Counts one answered request. */
export type RecordRequest = (requestMethod: string, status: number, durationMs: number) => void;

/** Binds the series of one route and finds them by method and status, so that a request makes no label text. */
export function createRequestRecorder(metrics: GatewayMetrics, route: string): RecordRequest {
  const requests = new Map<string, Counter>();
  const durations = new Map<string, Histogram>();
  return (requestMethod, status, durationMs) => {
    const method = methodLabel(requestMethod);
    const key = `${method} ${status}`;
    let counter = requests.get(key);
    if (counter === undefined) {
      counter = metrics.requests.labels({ method, route, status: String(status) });
      requests.set(key, counter);
    }
    counter.inc();
    let histogram = durations.get(method);
    if (histogram === undefined) {
      histogram = metrics.requestDuration.labels({ method, route });
      durations.set(method, histogram);
    }
    histogram.observe(durationMs / 1000);
  };
}
