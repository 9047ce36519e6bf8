import type { GaugeSample, MetricsSample } from "#src/telemetry/metrics.ts";
import { GAUGE_LIFETIME_MS, type MetricsLedger } from "#src/telemetry/metrics-ledger.ts";
import { readBatch } from "#src/telemetry/read-metrics-batch.ts";

/** A ledger for tests that need no Durable Object. It passes the object's own suite, so that it agrees with it. */
export function memoryMetricsLedger(): MetricsLedger {
  const totals = new Map<string, MetricsSample>();
  const isolates = new Map<string, { sequence: number; gauges: readonly GaugeSample[]; seenAtMs: number }>();

  const put = (into: Map<string, MetricsSample>, sample: MetricsSample, merge: (a: number, b: number) => number) => {
    const { metric, labels, numbers } = sample;
    const key = `${metric}{${labels}}`;
    const before = into.get(key)?.numbers;
    into.set(key, { metric, labels, numbers: before ? numbers.map((each, at) => merge(each, before[at]!)) : numbers });
  };
  const sum = (a: number, b: number) => a + b;

  return {
    async add(untrusted) {
      const batch = readBatch(untrusted);
      if (batch === undefined) return;
      let sequence = isolates.get(batch.isolate)?.sequence ?? 0;
      for (const report of batch.reports.filter((each) => each.sequence > sequence)) {
        for (const gain of report.gains) put(totals, gain, sum);
        sequence = report.sequence;
      }
      isolates.set(batch.isolate, { sequence, gauges: batch.gauges, seenAtMs: Date.now() });
    },
    async read() {
      const all = new Map(totals);
      for (const { gauges, seenAtMs } of isolates.values()) {
        if (Date.now() - seenAtMs >= GAUGE_LIFETIME_MS) continue;
        for (const gauge of gauges) put(all, gauge, gauge.merge === "max" ? Math.max : sum);
      }
      return [...all.values()];
    },
  };
}
