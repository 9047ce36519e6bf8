import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { GaugeMerge, GaugeSample, MetricsSample } from "#src/telemetry/metrics.ts";
import type { MetricsBatch, MetricsLedger } from "#src/telemetry/metrics-ledger.ts";

const A = "11111111-1111-4111-8111-111111111111";
const B = "22222222-2222-4222-8222-222222222222";

/** What every ledger does. `step` runs between any two calls: whatever the world does there changes nothing. */
export function metricsLedgerSuite(make: () => MetricsLedger, step: () => Promise<void> = async () => {}): void {
  let ledger: MetricsLedger;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2030, 0, 2) });
    ledger = make();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);
  const add = async (batch: MetricsBatch) => {
    await ledger.add(batch);
    await step();
  };
  const read = async () => {
    const samples = await ledger.read();
    await step();
    return Object.fromEntries(samples.map(({ metric, labels, numbers }) => [`${metric}{${labels}}`, numbers]));
  };

  describe("totals", () => {
    test("of nothing are none", async () => {
      expect(await read()).toEqual({});
    });

    test("are the gains of all isolates, series by series", async () => {
      await add(batch(A, { 1: [calls("x", 2), calls("y", 1)] }));
      await add(batch(B, { 1: [calls("x", 3)] }));
      await add(batch(A, { 2: [calls("x", 10)] }));
      expect(await read()).toEqual({ 'calls_total{service="x"}': [15], 'calls_total{service="y"}': [1] });
    });

    test("have a series that has gained nothing yet: its first increase is to be seen as one", async () => {
      await add(batch(A, { 1: [calls("x", 0)] }));
      expect(await read()).toEqual({ 'calls_total{service="x"}': [0] });
    });

    test("of histograms are added bucket by bucket", async () => {
      await add(batch(A, { 1: [seconds([0.3, 1, 0, 2])] }));
      await add(batch(B, { 1: [seconds([1.5, 0, 5, 1])] }));
      expect(await read()).toEqual({ "seconds 0.1 1{}": [1.8, 1, 5, 3] });
    });

    test("of one histogram with other bounds, as the next release may have, are another metric's", async () => {
      await add(batch(A, { 1: [seconds([0.3, 1, 0, 2])] }));
      await add(batch(B, { 1: [{ metric: "seconds 0.5", labels: "", numbers: [2, 0, 1] }] }));
      expect(await read()).toEqual({ "seconds 0.1 1{}": [0.3, 1, 0, 2], "seconds 0.5{}": [2, 0, 1] });
    });

    test("stay, long after the isolates are gone", async () => {
      await add(batch(A, { 1: [calls("x", 2)] }));
      pass(30 * 86_400_000);
      await add(batch(B, {}));
      expect(await read()).toEqual({ 'calls_total{service="x"}': [2] });
    });
  });

  describe("a report", () => {
    const total = async () => (await read())['calls_total{service="x"}']?.[0];

    test("that comes twice, since its reply was lost, counts once", async () => {
      await add(batch(A, { 1: [calls("x", 2)] }));
      await add(batch(A, { 1: [calls("x", 2)] }));
      expect(await total()).toBe(2);
    });

    test("that comes again together with the next one counts once, and the next one too", async () => {
      await add(batch(A, { 1: [calls("x", 2)] }));
      await add(batch(A, { 1: [calls("x", 2)], 2: [calls("x", 5)] }));
      expect(await total()).toBe(7);
    });

    test("that was overtaken by a batch with itself and the next in it counts once", async () => {
      await add(batch(A, { 1: [calls("x", 2)], 2: [calls("x", 5)] }));
      await add(batch(A, { 1: [calls("x", 2)] }));
      expect(await total()).toBe(7);
    });

    test("after one that was given up counts", async () => {
      await add(batch(A, { 1: [calls("x", 2)] }));
      await add(batch(A, { 3: [calls("x", 5)] }));
      expect(await total()).toBe(7);
    });

    test("with the number of another isolate's counts", async () => {
      await add(batch(A, { 1: [calls("x", 2)] }));
      await add(batch(B, { 1: [calls("x", 2)] }));
      expect(await total()).toBe(4);
    });

    test("is known again for half an hour and more", async () => {
      await add(batch(A, { 1: [calls("x", 2)] }));
      pass(50 * 60_000);
      await add(batch(B, {}));
      await add(batch(A, { 1: [calls("x", 2)] }));
      expect(await total()).toBe(2);
    });
  });

  describe("gauges", () => {
    test("are what the isolates hold together, or the greatest, as each gauge says", async () => {
      await add(batch(A, {}, [gauge("active", 2, "sum"), gauge("breaker", 2, "max")]));
      await add(batch(B, {}, [gauge("active", 3, "sum"), gauge("breaker", 1, "max")]));
      expect(await read()).toEqual({ "active{}": [5], "breaker{}": [2] });
    });

    test("are as an isolate said last", async () => {
      await add(batch(A, {}, [gauge("active", 7, "sum")]));
      await add(batch(A, {}, [gauge("active", 1, "sum")]));
      expect(await read()).toEqual({ "active{}": [1] });
    });

    test("of an isolate that died are gone after a minute, and those of the others stay", async () => {
      await add(batch(A, { 1: [calls("x", 2)] }, [gauge("active", 7, "sum")]));
      pass(40_000);
      await add(batch(B, {}, [gauge("active", 1, "sum")]));
      expect(await read()).toMatchObject({ "active{}": [8] });
      pass(20_000);
      expect(await read()).toEqual({ 'calls_total{service="x"}': [2], "active{}": [1] });
    });

    test("may be below zero", async () => {
      await add(batch(A, {}, [gauge("active", -1, "sum")]));
      expect(await read()).toEqual({ "active{}": [-1] });
    });
  });

  describe("what is not fit to be counted", () => {
    const good = calls("x", 1);
    test.each<readonly [why: string, bad: unknown]>([
      ["nothing", undefined],
      ["null", null],
      ["a text", "calls_total"],
      ["no numbers", { ...good, numbers: undefined }],
      ["an empty list of numbers", { ...good, numbers: [] }],
      ["endless numbers", { ...good, numbers: Array(10_000).fill(1) }],
      ["a number as text", { ...good, numbers: ["1"] }],
      ["not a number", { ...good, numbers: [Number.NaN] }],
      ["infinity", { ...good, numbers: [Number.POSITIVE_INFINITY] }],
      ["what soon makes infinity", { ...good, numbers: [Number.MAX_VALUE] }],
      ["a loss: a counter only rises", { ...good, numbers: [-1] }],
      ["a metric's name that is none", { ...good, metric: "calls total{" }],
      ["an endless name", { ...good, metric: "c".repeat(100_000) }],
      ["labels that are none", { ...good, labels: "service" }],
      ["labels that end the line", { ...good, labels: 'service="x"} 1\nother_total{service="y"' }],
      ["labels with a line break", { ...good, labels: 'service="x\n"' }],
      ["labels with a comma at the end", { ...good, labels: 'service="x",' }],
      ["endless labels", { ...good, labels: `service="${"x".repeat(100_000)}"` }],
    ])("%s, is dropped, and what stands beside it counts", async (_why, bad) => {
      await add(batch(A, { 1: [bad as MetricsSample, good] }));
      expect(await read()).toEqual({ 'calls_total{service="x"}': [1] });
    });

    test.each<readonly [why: string, bad: unknown]>([
      ["nothing", undefined],
      ["a text", "batch"],
      ["a batch of nobody", { reports: [{ sequence: 1, gains: [good] }], gauges: [] }],
      ["of somebody without an id", { isolate: "", reports: [{ sequence: 1, gains: [good] }], gauges: [] }],
      ["of an id that is none", { isolate: "x".repeat(1_000), reports: [{ sequence: 1, gains: [good] }], gauges: [] }],
      ["reports that are no list", { isolate: A, reports: { 0: { sequence: 1, gains: [good] } }, gauges: [] }],
      ["a report without a number", { isolate: A, reports: [{ gains: [good] }], gauges: [] }],
      ["a report with half a number", { isolate: A, reports: [{ sequence: 0.5, gains: [good] }], gauges: [] }],
      ["gains that are no list", { isolate: A, reports: [{ sequence: 1, gains: "all" }], gauges: "all" }],
      ["a gauge that says not how it merges", { isolate: A, reports: [], gauges: [good] }],
      ["a gauge that is no number", { isolate: A, reports: [], gauges: [gauge("active", Number.NaN, "sum")] }],
    ])("%s, changes nothing and is no error", async (_why, bad) => {
      await add(bad as MetricsBatch);
      expect(await read()).toEqual({});
    });
  });
}

function batch(
  isolate: string,
  reports: Readonly<Record<number, readonly MetricsSample[]>>,
  gauges: readonly GaugeSample[] = [],
): MetricsBatch {
  const entries = Object.entries(reports).map(([sequence, gains]) => ({ sequence: Number(sequence), gains }));
  return { isolate, reports: entries, gauges };
}

function calls(service: string, by: number): MetricsSample {
  return { metric: "calls_total", labels: `service="${service}"`, numbers: [by] };
}

/** Sum, then what is up to 0.1, up to 1, and beyond. */
function seconds(numbers: readonly number[]): MetricsSample {
  return { metric: "seconds 0.1 1", labels: "", numbers };
}

function gauge(metric: string, value: number, merge: GaugeMerge): GaugeSample {
  return { metric, labels: "", numbers: [value], merge };
}
