/** One sample line of a scrape. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One metric of a scrape: what its HELP and TYPE lines say, and its samples. */
export interface ScrapedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

const METRIC_NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const HEAD = new RegExp(`^# (HELP|TYPE) (${METRIC_NAME}) (.+)$`);
const SAMPLE = new RegExp(`^(${METRIC_NAME})(?:\\{([^\\n]*)\\})? (\\S+)$`);
const VALUE = /^(?:[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf)|NaN)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = { histogram: ["_bucket", "_sum", "_count"] };

/**
 * Reads the text format 0.0.4 from its description, sharing nothing with the code that writes it, and more strictly
 * than Prometheus does: HELP, TYPE and samples of one metric stand together and in this order, no series occurs twice.
 * Throws an Error that shows the line.
 */
export function parsePrometheusText(text: string): readonly ScrapedMetric[] {
  if (!text.endsWith("\n")) throw new Error("the last line has no line break");
  const metrics: { name: string; help: string; type: string; samples: Sample[] }[] = [];
  const series = new Set<string>();
  let help: readonly [name: string, text: string] | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const [, keyword, name = "", rest = ""] = HEAD.exec(line) ?? [];
    if (keyword === "HELP") {
      if (metrics.some((metric) => metric.name === name)) throw new Error(`a metric twice: ${line}`);
      help = [name, rest];
    } else if (keyword === "TYPE") {
      if (help?.[0] !== name) throw new Error(`TYPE without its HELP before it: ${line}`);
      metrics.push({ name, help: help[1], type: rest, samples: [] });
    } else {
      const metric = metrics.at(-1);
      const sample = parseSample(line);
      const names = (SUFFIXES[metric?.type ?? ""] ?? [""]).map((suffix) => `${metric?.name}${suffix}`);
      if (metric === undefined || !names.includes(sample.name)) throw new Error(`a sample of no metric: ${line}`);
      const key = line.slice(0, line.lastIndexOf(" "));
      if (series.has(key)) throw new Error(`a series twice: ${line}`);
      series.add(key);
      metric.samples.push(sample);
    }
  }
  return metrics;
}

function parseSample(line: string): Sample {
  const [, name, labels, value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || value === undefined || !VALUE.test(value)) throw new Error(`not a sample: ${line}`);
  return { name, labels: parseLabels(labels ?? "", line), value: Number(value.replace("Inf", "Infinity")) };
}

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let at = 0;
  while (at < text.length) {
    LABEL.lastIndex = at;
    const [whole, name, value] = LABEL.exec(text) ?? [];
    if (whole === undefined || name === undefined || value === undefined) throw new Error(`not a label: ${line}`);
    if (Object.hasOwn(labels, name)) throw new Error(`a label twice: ${line}`);
    labels[name] = value.replace(/\\(.)/g, (_, character) => (character === "n" ? "\n" : character));
    at += whole.length;
  }
  return labels;
}
