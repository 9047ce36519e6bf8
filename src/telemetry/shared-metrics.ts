import { describeError, type Logger } from "./logger.ts";
import type { MetricsRegistry } from "./metrics.ts";
import { ISOLATE_MEMORY_MS, type MetricsBatch, type MetricsLedger, type MetricsReport } from "./metrics-ledger.ts";
import { within } from "./within.ts";

/** What `/metrics` answers, and what has to be done for it. */
export interface Exposition {
  /** The text that Prometheus scrapes. Never rejects. */
  text(): Promise<string>;
  /** To be called after every request; takes no time. */
  afterRequest(): void;
}

/** The metrics of a process that is scraped by itself. */
export function ownMetrics(registry: MetricsRegistry): Exposition {
  return { text: async () => registry.render(), afterRequest: () => {} };
}

export interface SharedMetricsOptions {
  readonly registry: MetricsRegistry;
  readonly ledger: MetricsLedger;
  /** Keeps work alive that goes on after the answer. */
  readonly keepAlive: (work: Promise<void>) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Logger;
  /** How long gains are gathered before they are handed on; there is at most one report in this time. */
  readonly reportAfterMs?: number;
  /** How long a scrape waits for the totals. */
  readonly scrapePatienceMs?: number;
  /** How long a report, for which nobody waits, may take to arrive. */
  readonly reportPatienceMs?: number;
}

/** With the report's own time, well below the 30 seconds for which a Worker may go on after its answer. */
const REPORT_AFTER_MS = 10_000;
const REPORT_PATIENCE_MS = 5_000;
/** Two calls to an object that may live on another continent and have to be started; Prometheus waits for 10 seconds. */
const SCRAPE_PATIENCE_MS = 2_000;
/** A ledger that is overloaded or gone is left alone for a while. */
const PAUSE_AFTER_FAILURE_MS = 30_000;
/** Reports whose reply is missing. When there are so many, gains wait in the registry, which has bounds of its own. */
const MAX_IN_DOUBT = 3;
/** The ledger may forget after ISOLATE_MEMORY_MS what it has; until then with room to spare a report may be repeated. */
const REPEAT_FOR_MS = ISOLATE_MEMORY_MS / 2;

/**
 * The metrics of an isolate that is one of many and that nobody can scrape by itself: its gains go to a ledger in the
 * background, and a scrape shows the ledger's totals.
 *
 * When the totals cannot be had, the scrape shows what this isolate has counted itself, with its id as a further label
 * and `gateway_metrics_merged` at 0. Without that label every counter would seem to have restarted, and then, with the
 * totals back, to have gained everything at once.
 */
export function createSharedMetrics(options: SharedMetricsOptions): Exposition {
  const { registry, keepAlive, now, logger } = options;
  const { ledger, reportAfterMs = REPORT_AFTER_MS } = options;
  const { scrapePatienceMs = SCRAPE_PATIENCE_MS, reportPatienceMs = REPORT_PATIENCE_MS } = options;
  const merged = registry
    .gauge(
      "gateway_metrics_merged",
      "1: totals of all isolates; 0: they cannot be had, this is one isolate.",
      [],
      "max",
    )
    .labels({});
  merged.set(1);
  const isolate = crypto.randomUUID();
  const outbox = createOutbox(registry, isolate, now);
  let nextReportAtMs = 0;

  const handOn = async () => {
    const batch = outbox.batch();
    await ledger.add(batch);
    outbox.arrived(batch);
  };

  const report = async () => {
    await new Promise((resolve) => setTimeout(resolve, reportAfterMs));
    await within(reportPatienceMs, handOn()).catch((error: unknown) => {
      nextReportAtMs = now() + PAUSE_AFTER_FAILURE_MS;
      logger.log("warn", "metrics could not be handed on", { error: describeError(error) });
    });
  };

  const totals = async () => {
    await handOn();
    return ledger.read();
  };

  return {
    async text() {
      try {
        return registry.render(await within(scrapePatienceMs, totals()));
      } catch (error) {
        logger.log("warn", "the totals of the metrics cannot be had", { error: describeError(error) });
        merged.set(0);
        const own = registry.samples();
        merged.set(1);
        return registry.render(own.map((sample) => ({ ...sample, labels: withIsolate(sample.labels, isolate) })));
      }
    },
    afterRequest() {
      const nowMs = now();
      if (nowMs < nextReportAtMs) return;
      // No flag that a report is under way: the runtime may end it unheard, and there would never be another.
      nextReportAtMs = nowMs + reportAfterMs;
      keepAlive(report());
    },
  };
}

/**
 * Reports from when they are made until they have arrived for certain. One whose reply is lost goes out again as it was,
 * under its number, and later gains make one of their own. Two callers may send at once, since on Workers none can wait
 * for another request's promise: the ledger counts each number once, and whoever sends a report sends all before it.
 */
function createOutbox(registry: MetricsRegistry, isolate: string, now: () => number) {
  let inDoubt: readonly (MetricsReport & { readonly madeAtMs: number })[] = [];
  let sequence = 0;
  return {
    batch(): MetricsBatch {
      const nowMs = now();
      // At worst lost, never counted twice.
      inDoubt = inDoubt.filter(({ madeAtMs }) => nowMs - madeAtMs < REPEAT_FOR_MS);
      if (inDoubt.length < MAX_IN_DOUBT) {
        const gains = registry.takeGains();
        if (gains.length > 0) inDoubt = [...inDoubt, { sequence: ++sequence, gains, madeAtMs: nowMs }];
      }
      const reports = inDoubt.map((report) => ({ sequence: report.sequence, gains: report.gains }));
      return { isolate, reports, gauges: registry.gauges() };
    },
    arrived({ reports }: MetricsBatch): void {
      const last = reports.at(-1)?.sequence ?? 0;
      inDoubt = inDoubt.filter((report) => report.sequence > last);
    },
  };
}

function withIsolate(labels: string, isolate: string): string {
  return `${labels}${labels === "" ? "" : ","}isolate="${isolate}"`;
}
