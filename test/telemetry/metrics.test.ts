import { describe, expect, test } from "vitest";
import { createGatewayMetrics } from "#src/telemetry/gateway-metrics.ts";
import { MetricsRegistry } from "#src/telemetry/metrics.ts";
import { parsePrometheusText, type ScrapedMetric } from "./prometheus-text.ts";

function scrape(registry: { render(): string }, name: string): ScrapedMetric {
  const metric = parsePrometheusText(registry.render()).find((each) => each.name === name);
  expect(metric, name).toBeDefined();
  return metric!;
}

describe("the text that Prometheus scrapes", () => {
  test("is this, to the letter", () => {
    const registry = new MetricsRegistry();
    const calls = registry.counter("calls_total", "Calls made.", ["service", "status"]);
    calls.labels({ service: "user-service", status: "OK" }).inc();
    calls.labels({ service: "user-service", status: "UNAVAILABLE" }).inc(2);
    registry.gauge("open_files", "Files open now.", []).labels({}).set(3);
    const seconds = registry.histogram("call_seconds", "Time of a call.", ["service"], [0.1, 1]);
    for (const value of [0.05, 0.1, 0.5, 7]) seconds.labels({ service: "x" }).observe(value);
    expect(registry.render()).toBe(`# HELP calls_total Calls made.
# TYPE calls_total counter
calls_total{service="user-service",status="OK"} 1
calls_total{service="user-service",status="UNAVAILABLE"} 2
# HELP open_files Files open now.
# TYPE open_files gauge
open_files 3
# HELP call_seconds Time of a call.
# TYPE call_seconds histogram
call_seconds_bucket{service="x",le="0.1"} 2
call_seconds_bucket{service="x",le="1"} 3
call_seconds_bucket{service="x",le="+Inf"} 4
call_seconds_sum{service="x"} 7.65
call_seconds_count{service="x"} 4
`);
  });

  test("has labels in the order of the metric, however they were given", () => {
    const registry = new MetricsRegistry();
    const calls = registry.counter("calls_total", "Calls.", ["a", "b"]);
    calls.labels({ b: "2", a: "1" }).inc();
    calls.labels({ a: "1", b: "2" }).inc();
    expect(scrape(registry, "calls_total").samples).toEqual([
      { name: "calls_total", labels: { a: "1", b: "2" }, value: 2 },
    ]);
  });

  test.each([
    ["plain", "a plain text"],
    ['say "x"', "a quotation mark ends a value"],
    ["back\\slash", "a backslash begins an escape"],
    ["two\nlines", "a line break ends a sample"],
    ["\\n", "a backslash before an n is no line break"],
    ['\\"', "a backslash before a quotation mark"],
    ['",other="1', "what would add a label"],
    ['"} 99\ncalls_total{label="y', "what would add a sample"],
    ["tab\tand\r", "other control characters stand as they are"],
    ["{task_id}", "braces need nothing"],
    ["ключ", "UTF-8"],
    ["", "nothing"],
  ])("gives back the label value %j: %s", (value) => {
    const registry = new MetricsRegistry();
    registry.counter("calls_total", "Calls.", ["label"]).labels({ label: value }).inc();
    expect(scrape(registry, "calls_total").samples).toEqual([
      { name: "calls_total", labels: { label: value }, value: 1 },
    ]);
  });

  test("keeps series apart whose labels look alike when put together", () => {
    const registry = new MetricsRegistry();
    const calls = registry.counter("calls_total", "Calls.", ["a", "b"]);
    calls.labels({ a: '1",b="2', b: "3" }).inc();
    calls.labels({ a: "1", b: '2",b="3' }).inc();
    expect(scrape(registry, "calls_total").samples).toHaveLength(2);
  });

  test.each([
    [0, "zero"],
    [-2, "below zero"],
    [0.1 + 0.2, "all digits of a fraction"],
    [1e21, "so large that JavaScript writes powers of ten"],
    [1e-7, "so small that it does"],
    [Number.POSITIVE_INFINITY, "infinity, which is written otherwise than in JavaScript"],
    [Number.NEGATIVE_INFINITY, "infinity the other way"],
    [Number.NaN, "not a number"],
  ])("gives back the value %d: %s", (value) => {
    const registry = new MetricsRegistry();
    registry.gauge("level", "A level.", []).labels({}).set(value);
    expect(scrape(registry, "level").samples[0]?.value).toBe(value);
  });

  test("is empty but valid without metrics, and without series", () => {
    const registry = new MetricsRegistry();
    expect(registry.render()).toBe("\n");
    registry.counter("calls_total", "Calls.", ["service"]);
    expect(scrape(registry, "calls_total").samples).toEqual([]);
  });
});

describe("counters and gauges", () => {
  test("begin at zero where they have no labels, so that a first increase is seen as one", () => {
    const registry = new MetricsRegistry();
    registry.counter("starts_total", "Starts.", []);
    expect(scrape(registry, "starts_total").samples).toEqual([{ name: "starts_total", labels: {}, value: 0 }]);
  });

  test("are one series for one set of labels", () => {
    const registry = new MetricsRegistry();
    const calls = registry.counter("calls_total", "Calls.", ["service"]);
    expect(calls.labels({ service: "a" })).toBe(calls.labels({ service: "a" }));
    expect(calls.labels({ service: "a" })).not.toBe(calls.labels({ service: "b" }));
  });

  test("add up", () => {
    const registry = new MetricsRegistry();
    const gauge = registry.gauge("level", "A level.", []).labels({});
    gauge.set(5);
    gauge.add(2);
    gauge.add(-4);
    expect(scrape(registry, "level").samples[0]?.value).toBe(3);
  });
});

describe("a histogram", () => {
  const BOUNDS = [0.001, 0.5, 1, 10];

  function observed(...values: number[]) {
    const registry = new MetricsRegistry();
    const series = registry.histogram("seconds", "Time.", [], BOUNDS).labels({});
    for (const value of values) series.observe(value);
    const { samples } = scrape(registry, "seconds");
    const of = (suffix: string) => samples.filter(({ name }) => name === `seconds${suffix}`);
    return {
      bounds: of("_bucket").map(({ labels }) => labels.le),
      buckets: of("_bucket").map(({ value }) => value),
      sum: of("_sum")[0]?.value,
      count: of("_count")[0]?.value,
    };
  }

  test("has one bucket a bound and one for what is beyond", () => {
    expect(observed().bounds).toEqual(["0.001", "0.5", "1", "10", "+Inf"]);
  });

  test.each([
    [[], [0, 0, 0, 0, 0], "nothing observed"],
    [[0], [1, 1, 1, 1, 1], "zero is in every bucket"],
    [[0.5], [0, 1, 1, 1, 1], "a bound is in its own bucket: le is less or equal"],
    [[0.500001], [0, 0, 1, 1, 1], "just above a bound is in the next"],
    [[10], [0, 0, 0, 1, 1], "the last bound"],
    [[11], [0, 0, 0, 0, 1], "beyond every bound"],
    [[0, 0.7, 0.7, 99], [1, 1, 3, 3, 4], "buckets are cumulative"],
  ])("of %j has the buckets %j: %s", (values, buckets) => {
    const { sum, count, ...histogram } = observed(...values);
    expect(histogram.buckets).toEqual(buckets);
    expect(count).toBe(values.length);
    expect(sum).toBeCloseTo(values.reduce((total, value) => total + value, 0));
  });

  test("has as many in +Inf as in its count, and never fewer than in the bucket before", () => {
    const { buckets, count } = observed(...Array.from({ length: 500 }, (_, index) => ((index * 37) % 120) / 10));
    expect(buckets.at(-1)).toBe(count);
    expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
  });
});

describe("the gateway's metrics", () => {
  test("have the names, types and labels that dashboards know (contract.md, section 6)", () => {
    const metrics = createGatewayMetrics();
    metrics.requests.labels({ method: "GET", route: "/api/v1/tasks/{task_id}", status: "200" }).inc();
    metrics.requestDuration.labels({ method: "GET", route: "/api/v1/tasks/{task_id}" }).observe(0.02);
    metrics.serviceCalls.labels({ service: "task-service", method: "GetTask", status: "OK" }).inc();
    metrics.breakerState.labels({ service: "task-service" }).set(2);
    metrics.activeConnections.add(1);
    const table = parsePrometheusText(metrics.render()).map(({ name, type, samples }) => [
      name,
      type,
      Object.keys(samples[0]?.labels ?? {}).filter((label) => label !== "le"),
    ]);
    expect(table).toEqual(
      expect.arrayContaining([
        ["gateway_requests_total", "counter", ["method", "route", "status"]],
        ["gateway_request_duration_seconds", "histogram", ["method", "route"]],
        ["gateway_active_connections", "gauge", []],
        ["gateway_service_calls_total", "counter", ["service", "method", "status"]],
        ["gateway_circuit_breaker_state", "gauge", ["service"]],
      ]),
    );
  });

  test("belong to one gateway: a second one in the process counts for itself", () => {
    const [one, other] = [createGatewayMetrics(), createGatewayMetrics()];
    one.activeConnections.add(5);
    expect(scrape(other, "gateway_active_connections").samples[0]?.value).toBe(0);
  });
});
