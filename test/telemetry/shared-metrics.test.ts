import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createGatewayMetrics } from "#src/telemetry/gateway-metrics.ts";
import { createLogger } from "#src/telemetry/logger.ts";
import type { MetricsBatch, MetricsLedger } from "#src/telemetry/metrics-ledger.ts";
import { createSharedMetrics, ownMetrics } from "#src/telemetry/shared-metrics.ts";
import { sharedMetricsProperty } from "../suites/shared-metrics-property.ts";
import { memoryMetricsLedger } from "../support/memory-metrics-ledger.ts";
import { parsePrometheusText } from "./prometheus-text.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2030, 0, 2) });
});
afterEach(() => {
  vi.useRealTimers();
});

const never = () => new Promise<never>(() => {});
const down = async () => {
  throw new Error("Durable Object is overloaded.");
};

/** An isolate with the gateway's own metrics. `ledger.add` and `ledger.read` can be made to fail. */
function startIsolate(shared: MetricsLedger = memoryMetricsLedger()) {
  const metrics = createGatewayMetrics();
  const ledger = { add: vi.fn(shared.add), read: vi.fn(shared.read) };
  const lines: string[] = [];
  const work: Promise<void>[] = [];
  const exposition = createSharedMetrics({
    registry: metrics.registry,
    ledger,
    keepAlive: (each) => work.push(each),
    now: () => Date.now(),
    logger: createLogger({ level: "debug", write: (line) => lines.push(line), now: () => Date.now() }),
  });
  const route = { method: "GET", route: "/health" };
  return {
    ledger,
    lines,
    work,
    exposition,
    metrics,
    isolateId: () => (ledger.add.mock.calls[0]![0] as MetricsBatch).isolate,
    /** Answers a request as the gateway does. */
    request(count = 1) {
      for (let each = 0; each < count; each++) {
        metrics.requests.labels({ ...route, status: "200" }).inc();
        metrics.requestDuration.labels(route).observe(0.02);
        exposition.afterRequest();
      }
    },
    async scrape() {
      const text = exposition.text();
      await vi.advanceTimersByTimeAsync(0);
      return samplesOf(await text);
    },
  };
}

function samplesOf(text: string) {
  const samples = parsePrometheusText(text).flatMap((metric) => metric.samples);
  const find = (name: string) => samples.find((sample) => sample.name === name);
  return {
    text,
    requests: find("gateway_requests_total")?.value,
    observed: find("gateway_request_duration_seconds_count")?.value,
    active: find("gateway_active_connections")?.value,
    merged: find("gateway_metrics_merged")?.value,
    isolates: [...new Set(samples.map(({ labels }) => labels.isolate))],
  };
}

describe("a scrape", () => {
  test("of any isolate shows what all have counted: its own now, the others' of some seconds ago", async () => {
    const shared = memoryMetricsLedger();
    const [one, other] = [startIsolate(shared), startIsolate(shared)];
    one.request(3);
    other.request(4);
    expect(await one.scrape()).toMatchObject({ requests: 3, observed: 3, merged: 1 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await one.scrape()).toMatchObject({ requests: 7, observed: 7, merged: 1, isolates: [undefined] });
    expect(await other.scrape()).toMatchObject({ requests: 7, observed: 7, merged: 1, isolates: [undefined] });
  });

  test("is the text that a process of its own would show, and one metric more", async () => {
    const isolate = startIsolate();
    const alone = createGatewayMetrics();
    for (const { requests, requestDuration, serviceCalls, breakerState, activeConnections } of [
      isolate.metrics,
      alone,
    ]) {
      requests.labels({ method: "GET", route: "/health", status: "200" }).inc(3);
      requestDuration.labels({ method: "GET", route: "/health" }).observe(0.3);
      serviceCalls.labels({ service: "task-service", method: "GetTask", status: "OK" }).inc();
      breakerState.labels({ service: "task-service" }).set(2);
      activeConnections.add(1);
    }
    const { text } = await isolate.scrape();
    expect(
      text,
    ).toBe(`${await ownMetrics(alone.registry).text()}# HELP gateway_metrics_merged 1: totals of all isolates; 0: they cannot be had, this is one isolate.
# TYPE gateway_metrics_merged gauge
gateway_metrics_merged 1
`);
  });

  test("has the active requests of all, and the worst state of a breaker", async () => {
    const shared = memoryMetricsLedger();
    const [one, other] = [startIsolate(shared), startIsolate(shared)];
    one.metrics.activeConnections.add(2);
    other.metrics.activeConnections.add(3);
    one.metrics.breakerState.labels({ service: "task-service" }).set(1);
    other.metrics.breakerState.labels({ service: "task-service" }).set(0);
    await one.scrape();
    const { active, text } = await other.scrape();
    expect(active).toBe(5);
    expect(text).toContain('gateway_circuit_breaker_state{service="task-service"} 1\n');
  });

  test("keeps what an isolate counted that died, and loses its active requests after a minute", async () => {
    const shared = memoryMetricsLedger();
    const [dying, other] = [startIsolate(shared), startIsolate(shared)];
    dying.metrics.activeConnections.add(2);
    dying.request(5);
    await dying.scrape();
    dying.ledger.add.mockImplementation(never);
    expect(await other.scrape()).toMatchObject({ requests: 5, active: 2 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await other.scrape()).toMatchObject({ requests: 5, active: 0 });
  });
});

describe("R-17: without the object", () => {
  test.each([
    ["throws", down],
    ["hangs", never],
    [
      "throws before there is a promise",
      () => {
        throw new Error("no such object");
      },
    ],
  ])("that %s, a scrape shows this isolate's own figures within two seconds, and says so", async (_name, failing) => {
    const isolate = startIsolate();
    isolate.request(3);
    for (const method of ["add", "read"] as const) {
      const { ledger } = isolate;
      const working = ledger[method].getMockImplementation()!;
      ledger[method].mockImplementation(failing);
      const text = isolate.exposition.text();
      await vi.advanceTimersByTimeAsync(2_000);
      const scraped = samplesOf(await text);
      expect(scraped).toMatchObject({ requests: 3, observed: 3, merged: 0 });
      // Under the totals' own names every counter would sink, and then gain everything at once.
      expect(scraped.isolates).toEqual([isolate.isolateId()]);
      ledger[method].mockImplementation(working as never);
    }
    expect(await isolate.scrape()).toMatchObject({ requests: 3, merged: 1, isolates: [undefined] });
    expect(isolate.lines.map((line) => JSON.parse(line).level)).toEqual(["warn", "warn"]);
  });

  test("requests go on, gains are kept, and nothing is lost when it is back", async () => {
    const isolate = startIsolate();
    isolate.ledger.add.mockImplementation(down);
    for (let minute = 0; minute < 10; minute++) {
      isolate.request(2);
      await vi.advanceTimersByTimeAsync(60_000);
    }
    await Promise.all(isolate.work);
    expect(await isolate.scrape()).toMatchObject({ merged: 0, requests: 20 });
    // Vitest's reset gives back what the function was made with.
    isolate.ledger.add.mockReset();
    await isolate.scrape();
    expect(await isolate.scrape()).toMatchObject({ requests: 20, observed: 20, merged: 1 });
  });

  test("for as long as it may take, what waits has bounds", async () => {
    const isolate = startIsolate();
    isolate.ledger.add.mockImplementation(never);
    for (let minute = 0; minute < 25; minute++) {
      isolate.request(100);
      await vi.advanceTimersByTimeAsync(60_000);
    }
    const sizes = isolate.ledger.add.mock.calls.map(([{ reports }]) => reports.length);
    expect(sizes.length).toBeGreaterThan(20);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(3);
    expect(JSON.stringify(isolate.ledger.add.mock.calls.at(-1)).length).toBeLessThan(4_000);
  });

  test("for half an hour, a report that may have arrived is given up: the object may forget that it did", async () => {
    const isolate = startIsolate();
    isolate.request(3);
    isolate.ledger.add.mockImplementation(down);
    await isolate.scrape();
    const inDoubt = isolate.ledger.add.mock.calls[0]![0];
    expect(inDoubt.reports.map(({ sequence }) => sequence)).toEqual([1]);
    await vi.advanceTimersByTimeAsync(30 * 60_000);
    isolate.ledger.add.mockReset();
    isolate.request(2);
    expect(await isolate.scrape()).toMatchObject({ requests: 2 });
  });
});

describe("a report", () => {
  test("goes out some seconds after a request, never with it, and there is one however many requests there are", async () => {
    const isolate = startIsolate();
    isolate.request(1_000);
    expect(isolate.ledger.add, "a healthy request waits for no object").not.toHaveBeenCalled();
    expect(isolate.work).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(isolate.ledger.add).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(isolate.ledger.add).toHaveBeenCalledTimes(1);
    await Promise.all(isolate.work);
    expect(isolate.ledger.read, "only a scrape reads").not.toHaveBeenCalled();
  });

  test("comes at most every ten seconds from a busy isolate, with what has moved and no more", async () => {
    const isolate = startIsolate();
    isolate.metrics.requests.labels({ method: "PUT", route: "/still", status: "200" }).inc();
    for (let second = 0; second < 60; second++) {
      isolate.request(10);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    const batches = isolate.ledger.add.mock.calls.map(([batch]) => batch);
    expect(batches.length).toBeGreaterThanOrEqual(5);
    expect(batches.length).toBeLessThanOrEqual(6);
    const moved = batches.map(({ reports }) => reports.flatMap(({ gains }) => gains.map(({ labels }) => labels)));
    expect(moved[0]!.join()).toContain("/still");
    for (const labels of moved.slice(1)) expect(labels.join()).not.toContain("/still");
  });

  test("is followed by another only when there was another request", async () => {
    const isolate = startIsolate();
    isolate.request();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(isolate.ledger.add).toHaveBeenCalledTimes(1);
    isolate.request();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(isolate.ledger.add).toHaveBeenCalledTimes(2);
  });

  test("that failed leaves the object in peace for half a minute", async () => {
    const isolate = startIsolate();
    isolate.ledger.add.mockImplementation(down);
    for (let second = 0; second < 120; second++) {
      isolate.request();
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(isolate.ledger.add.mock.calls.length).toBeLessThanOrEqual(3);
    expect(isolate.lines.length).toBe(isolate.ledger.add.mock.calls.length);
  });

  test("whose work the runtime ended unheard is not the last one", async () => {
    const isolate = startIsolate();
    isolate.request();
    vi.clearAllTimers();
    await vi.advanceTimersByTimeAsync(10_000);
    isolate.request();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await isolate.scrape()).toMatchObject({ requests: 2 });
  });

  test("that hangs while a scrape sends the same is counted once, whenever it arrives", async () => {
    const shared = memoryMetricsLedger();
    const isolate = startIsolate(shared);
    const release = Promise.withResolvers<void>();
    isolate.ledger.add.mockImplementationOnce(async (batch) => {
      await release.promise;
      await shared.add(batch);
    });
    isolate.request(3);
    await vi.advanceTimersByTimeAsync(10_000);
    isolate.request(2);
    expect(await isolate.scrape()).toMatchObject({ requests: 5 });
    release.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(await isolate.scrape()).toMatchObject({ requests: 5 });
  });
});

test("a late reply confirms what was sent with it, and nothing that was sent since", async () => {
  const shared = memoryMetricsLedger();
  const isolate = startIsolate(shared);
  const release = Promise.withResolvers<void>();
  isolate.ledger.add.mockImplementationOnce(async (batch) => {
    await shared.add(batch);
    await release.promise;
  });
  isolate.request(3);
  await vi.advanceTimersByTimeAsync(10_000);
  isolate.metrics.requests.labels({ method: "GET", route: "/health", status: "200" }).inc(2);
  isolate.ledger.add.mockImplementationOnce(down);
  await isolate.scrape();
  release.resolve();
  expect(await isolate.scrape()).toMatchObject({ requests: 5, merged: 1 });
});

test("isolates add up to what they counted, whatever fails", async () => {
  vi.useRealTimers();
  await sharedMetricsProperty({ runs: 300, make: () => ({ ledger: memoryMetricsLedger() }) });
});
