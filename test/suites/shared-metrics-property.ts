import fc from "fast-check";
import { expect } from "vitest";
import { createLogger } from "#src/telemetry/logger.ts";
import { MetricsRegistry } from "#src/telemetry/metrics.ts";
import type { MetricsBatch, MetricsLedger } from "#src/telemetry/metrics-ledger.ts";
import { createSharedMetrics } from "#src/telemetry/shared-metrics.ts";
import { parsePrometheusText } from "../telemetry/prometheus-text.ts";

export interface SharedMetricsPropertyOptions {
  readonly runs: number;
  readonly make: () => { readonly ledger: MetricsLedger; readonly evict?: () => Promise<void> };
}

const ISOLATES = 3;

/** What can become of a call to the ledger. `late`: it fails, and arrives when nobody expects it any more. */
type Outcome = "arrives" | "is lost" | "loses its reply" | "comes twice" | "is late";
const OUTCOMES: readonly Outcome[] = ["arrives", "is lost", "loses its reply", "comes twice", "is late"];

type Step =
  | { readonly kind: "count"; readonly isolate: number; readonly by: number; readonly seconds: number }
  | { readonly kind: "scrape" | "report"; readonly isolate: number; readonly outcome: Outcome }
  | { readonly kind: "die"; readonly isolate: number }
  | { readonly kind: "late ones arrive" | "evict" };

const isolate = fc.nat({ max: ISOLATES - 1 });
const outcome = fc.constantFrom(...OUTCOMES);
const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("count"), isolate, by: fc.nat(9), seconds: fc.nat(12) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("scrape", "report"), isolate, outcome }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("die"), isolate }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("late ones arrive", "evict") }) },
);

/**
 * However counting, reports, scrapes, failures, deaths and evictions follow each other: no total ever sinks; in the end,
 * when every isolate that lives has been heard, each one's series is what it counted, and that of one that died is
 * somewhere between what it knew to have arrived and what it counted.
 */
export async function sharedMetricsProperty({ runs, make }: SharedMetricsPropertyOptions): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { maxLength: 40 }), async (steps) => {
      const { ledger, evict } = make();
      const late: MetricsBatch[] = [];
      const alive = Array.from({ length: ISOLATES }, (_, index) => startIsolate(`${index}.0`, ledger, late));
      const dead: Isolate[] = [];
      const seen = new Map<string, number>();
      const neverSinks = async () => {
        for (const { metric, labels, numbers } of await ledger.read()) {
          if (metric !== "calls_total") continue;
          expect(numbers[0]).toBeGreaterThanOrEqual(seen.get(labels) ?? 0);
          seen.set(labels, numbers[0]!);
        }
      };

      for (const step of steps) {
        switch (step.kind) {
          case "count":
            alive[step.isolate]!.count(step.by, step.seconds);
            break;
          case "scrape":
          case "report":
            await alive[step.isolate]![step.kind](step.outcome);
            break;
          case "die":
            dead.push(alive[step.isolate]!);
            alive[step.isolate] = startIsolate(`${step.isolate}.${dead.length}`, ledger, late);
            break;
          case "late ones arrive":
            for (const batch of late.splice(0)) await ledger.add(batch);
            break;
          case "evict":
            await evict?.();
        }
        await neverSinks();
      }

      let text = "";
      // Twice: one with as many reports in doubt as it may have keeps its newest gains until those are settled.
      for (const each of [...alive, ...alive]) text = await each.scrape("arrives");
      for (const batch of late.splice(0)) await ledger.add(batch);
      text = await alive[0]!.scrape("arrives");
      const scraped = readTotals(text);
      for (const { who, counted } of alive) expect(scraped(who), who).toEqual(counted);
      for (const { who, counted, arrived } of dead) {
        const { calls, observed } = scraped(who);
        expect(calls).toBeGreaterThanOrEqual(arrived.calls);
        expect(calls).toBeLessThanOrEqual(counted.calls);
        expect(observed).toBeGreaterThanOrEqual(arrived.observed);
        expect(observed).toBeLessThanOrEqual(counted.observed);
      }
    }),
    { numRuns: runs },
  );
}

interface Counted {
  readonly calls: number;
  readonly observed: number;
  readonly seconds: number;
}

interface Isolate {
  readonly who: string;
  readonly counted: Counted;
  /** What it had counted when it last heard that all had arrived. */
  readonly arrived: Counted;
  count(by: number, seconds: number): void;
  scrape(outcome: Outcome): Promise<string>;
  report(outcome: Outcome): Promise<string>;
}

/** An isolate whose every series has its name on it, so that each can be checked for itself. */
function startIsolate(who: string, ledger: MetricsLedger, late: MetricsBatch[]): Isolate {
  const registry = new MetricsRegistry();
  const calls = registry.counter("calls_total", "Calls.", ["who"]).labels({ who });
  const seconds = registry.histogram("seconds", "Time.", ["who"], [1, 5, 10]).labels({ who });
  let counted: Counted = { calls: 0, observed: 0, seconds: 0 };
  let arrived = counted;
  let nowMs = 0;
  let next: Outcome = "arrives";
  let working: Promise<void> = Promise.resolve();

  const unreliable: MetricsLedger = {
    async add(batch) {
      const sent = counted;
      if (next === "is lost") throw new Error("lost");
      if (next === "is late") {
        late.push(structuredClone(batch));
        throw new Error("late");
      }
      await ledger.add(batch);
      if (next === "comes twice") await ledger.add(batch);
      if (next === "loses its reply") throw new Error("reply lost");
      // When too many reports are in doubt, the newest gains stay behind.
      if (batch.reports.length < 3) arrived = sent;
    },
    read: () => ledger.read(),
  };
  const exposition = createSharedMetrics({
    registry,
    ledger: unreliable,
    keepAlive: (work) => {
      working = work;
    },
    now: () => nowMs,
    logger: createLogger({ level: "error", write: () => {}, now: () => 0 }),
    reportAfterMs: 0,
    scrapePatienceMs: 20_000,
    reportPatienceMs: 20_000,
  });
  return {
    who,
    get counted() {
      return counted;
    },
    get arrived() {
      return arrived;
    },
    count(by, value) {
      calls.inc(by);
      seconds.observe(value);
      counted = {
        calls: counted.calls + by,
        observed: counted.observed + 1,
        seconds: counted.seconds + value,
      };
    },
    scrape(outcome) {
      next = outcome;
      return exposition.text();
    },
    async report(outcome) {
      next = outcome;
      nowMs += 60_000;
      exposition.afterRequest();
      await working;
      return "";
    },
  };
}

function readTotals(text: string): (who: string) => Counted {
  const samples = parsePrometheusText(text).flatMap((metric) => metric.samples);
  return (who) => {
    const value = (name: string) => samples.find((each) => each.name === name && each.labels.who === who)?.value ?? 0;
    const buckets = samples.filter(({ name, labels }) => name === "seconds_bucket" && labels.who === who);
    const counts = buckets.map((each) => each.value);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(counts.at(-1) ?? 0).toBe(value("seconds_count"));
    return { calls: value("calls_total"), observed: value("seconds_count"), seconds: value("seconds_sum") };
  };
}
