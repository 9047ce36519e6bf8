import type { GaugeSample, MetricsSample } from "./metrics.ts";
import type { MetricsBatch, MetricsReport } from "./metrics-ledger.ts";

const ISOLATE = /^[0-9a-zA-Z-]{1,64}$/;
/** A name, and the bounds of a histogram after it. */
const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*(?: [0-9.e+-]+)*$/;
/** As they stand between the braces: what would end the line, or begin another label, is escaped. */
const LABELS = /^(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*"(?:,(?=[a-zA-Z_])|$))*$/;

const MAX_METRIC_LENGTH = 500;
const MAX_LABELS_LENGTH = 1_000;
const MAX_NUMBERS = 64;
const MAX_REPORTS = 16;
const MAX_SAMPLES = 5_000;

/**
 * What of a batch is fit to be counted. Only our own isolates call the object, but those of the release before this one
 * and after it do so too, and a total that is spoilt once stays so. Undefined: nothing of it is. Never throws.
 */
export function readBatch(untrusted: unknown): MetricsBatch | undefined {
  if (!isObject(untrusted)) return undefined;
  const { isolate, reports, gauges } = untrusted;
  if (!isText(isolate, ISOLATE, 64)) return undefined;
  return {
    isolate,
    reports: listOf(reports, MAX_REPORTS).flatMap(readReport),
    gauges: listOf(gauges, MAX_SAMPLES).flatMap(readGauge),
  };
}

function readReport(untrusted: unknown): readonly MetricsReport[] {
  if (!isObject(untrusted)) return [];
  const { sequence, gains } = untrusted;
  if (!Number.isSafeInteger(sequence)) return [];
  // A counter only rises.
  const rising = listOf(gains, MAX_SAMPLES)
    .flatMap(readSample)
    .filter(({ numbers }) => numbers.every((number) => number >= 0));
  return [{ sequence: sequence as number, gains: rising }];
}

function readGauge(untrusted: unknown): readonly GaugeSample[] {
  const merge = isObject(untrusted) ? untrusted.merge : undefined;
  if (merge !== "sum" && merge !== "max") return [];
  return readSample(untrusted).map((sample) => ({ ...sample, merge }));
}

function readSample(untrusted: unknown): readonly MetricsSample[] {
  if (!isObject(untrusted)) return [];
  const { metric, labels, numbers } = untrusted;
  if (!isText(metric, METRIC, MAX_METRIC_LENGTH) || !isText(labels, LABELS, MAX_LABELS_LENGTH)) return [];
  if (!Array.isArray(numbers) || numbers.length === 0 || numbers.length > MAX_NUMBERS) return [];
  return numbers.every(isCountable) ? [{ metric, labels, numbers }] : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isText(value: unknown, pattern: RegExp, maxLength: number): value is string {
  return typeof value === "string" && value.length <= maxLength && pattern.test(value);
}

function listOf(value: unknown, maxLength: number): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, maxLength) : [];
}

/** What stays exact, or near enough, when it is added: no NaN, no infinity, and nothing that soon makes one. */
function isCountable(value: unknown): boolean {
  return typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}
