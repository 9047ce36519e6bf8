import { parsePrometheusText, type Sample, type ScrapedMetric } from "../telemetry/prometheus-text.ts";
import { call } from "./gateway-under-test.ts";

/** Reads `/metrics`. */
export async function scrape(url: string, token?: string): Promise<readonly ScrapedMetric[]> {
  const { status, body } = await call(url, "GET /metrics", { token });
  if (status !== 200) throw new Error(`no metrics: ${status} ${JSON.stringify(body)}`);
  return parsePrometheusText(body);
}

/** The samples of one metric. */
export function samplesOf(metrics: readonly ScrapedMetric[], name: string): readonly Sample[] {
  return metrics.find((metric) => metric.name === name)?.samples ?? [];
}

/** The sum of a counter's samples that have these labels among theirs; 0 where there is none. */
export async function countOf(url: string, name: string, labels: Readonly<Record<string, string>>): Promise<number> {
  const samples = samplesOf(await scrape(url), name);
  const wanted = Object.entries(labels);
  return samples
    .filter((sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}
