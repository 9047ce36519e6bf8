import type { GaugeSample, MetricsSample } from "./metrics.ts";

/** What an isolate's counters and histograms gained in some seconds. */
export interface MetricsReport {
  /** From 1, in the order in which the isolate made them. */
  readonly sequence: number;
  readonly gains: readonly MetricsSample[];
}

/** All that one isolate has to say. */
export interface MetricsBatch {
  /** Made up by the isolate for its life; no two have the same. */
  readonly isolate: string;
  /** In order, with every report that may not have arrived before: a reply can be lost when its report was not. */
  readonly reports: readonly MetricsReport[];
  /** As they stand now. They are forgotten when the isolate says nothing for GAUGE_LIFETIME_MS. */
  readonly gauges: readonly GaugeSample[];
}

/** An isolate that has not been heard of for so long is taken for dead, and its gauges with it. */
export const GAUGE_LIFETIME_MS = 60_000;

/** For so long the ledger knows which reports of an isolate it has, and adds none of them twice. */
export const ISOLATE_MEMORY_MS = 3_600_000;

/**
 * The port to where the metrics of many isolates are added up. One real implementation, a Durable Object: a process on
 * Node is scraped by itself, as Prometheus would have it, and has no use for another.
 */
export interface MetricsLedger {
  /** Resolves when the reports are safe. Each counts once, however often it comes; what is not fit to be one is dropped. */
  add(batch: MetricsBatch): Promise<void>;
  /** Everything that was ever added, and the gauges of the isolates that live, merged. */
  read(): Promise<readonly MetricsSample[]>;
}
