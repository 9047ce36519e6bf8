/**
 * Counters, gauges and histograms in the Prometheus text format (exposition format 0.0.4). Our own because prom-client
 * does not load in every runtime that we serve, and because a series that is bound to a route when routes are built
 * costs nothing to look up.
 */
export interface Counter {
  inc(by?: number): void;
}

export interface Gauge {
  set(value: number): void;
  add(by: number): void;
}

export interface Histogram {
  observe(value: number): void;
}

/** A metric with labels; `labels` answers the series of these values, made at its first use and then kept. */
export interface Family<Series, Label extends string> {
  labels(values: Readonly<Record<Label, string>>): Series;
}

/** What the value of many isolates' gauges is: all of them together, or the greatest. */
export type GaugeMerge = "sum" | "max";

/**
 * One series and its numbers, as they travel between isolates. `metric` is the name, and for a histogram its bounds too:
 * numbers for other bounds, of a version before or after this one, are not this metric's. `labels` is the text that
 * stands between the braces. `numbers` has the one value, or a histogram's sum and then its buckets, each for itself.
 */
export interface MetricsSample {
  readonly metric: string;
  readonly labels: string;
  readonly numbers: readonly number[];
}

export interface GaugeSample extends MetricsSample {
  readonly merge: GaugeMerge;
}

/** All metrics of one process or isolate. */
export class MetricsRegistry {
  readonly #families: Metric[] = [];

  counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Family<Counter, Label> {
    return this.#add(new LabelledFamily({ name, help, type: "counter", labelNames, make: () => new Value() }));
  }

  gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    merge: GaugeMerge = "sum",
  ): Family<Gauge, Label> {
    return this.#add(new LabelledFamily({ name, help, type: "gauge", labelNames, merge, make: () => new Value() }));
  }

  histogram<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    bounds: readonly number[],
  ): Family<Histogram, Label> {
    const make = () => new Buckets(bounds);
    return this.#add(new LabelledFamily({ name, help, type: "histogram", labelNames, bounds, make }));
  }

  /** Every series as it stands. */
  samples(): readonly MetricsSample[] {
    return this.#families.flatMap((family) => family.samples());
  }

  /**
   * What counters and histograms have gained since this was last called. Whoever takes it keeps it: it is not handed
   * out again. A series that is new is there even at zero, so that its first increase is seen as one.
   */
  takeGains(): readonly MetricsSample[] {
    return this.#families.filter(({ merge }) => merge === undefined).flatMap((family) => family.takeGains());
  }

  gauges(): readonly GaugeSample[] {
    return this.#families.flatMap((family) => {
      const { merge } = family;
      return merge === undefined ? [] : family.samples().map((sample) => ({ ...sample, merge }));
    });
  }

  /** The text that Prometheus scrapes, of our own series or of these; what is no metric of ours is left out. */
  render(samples: readonly MetricsSample[] = this.samples()): string {
    const byMetric = Map.groupBy(samples, ({ metric }) => metric);
    const lines: string[] = [];
    for (const family of this.#families) family.render(byMetric.get(family.metric) ?? [], lines);
    return `${lines.join("\n")}\n`;
  }

  #add<F extends Metric>(family: F): F {
    this.#families.push(family);
    return family;
  }
}

interface Metric {
  /** As in its samples. */
  readonly metric: string;
  /** Only gauges have one. */
  readonly merge: GaugeMerge | undefined;
  samples(): readonly MetricsSample[];
  takeGains(): readonly MetricsSample[];
  render(samples: readonly MetricsSample[], lines: string[]): void;
}

interface Series {
  numbers(): readonly number[];
}

interface FamilyOptions<S extends Series, Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly labelNames: readonly Label[];
  readonly merge?: GaugeMerge;
  /** Of a histogram. */
  readonly bounds?: readonly number[];
  readonly make: () => S;
}

class LabelledFamily<S extends Series, Label extends string> implements Family<S, Label>, Metric {
  readonly metric: string;
  readonly merge: GaugeMerge | undefined;
  readonly #head: readonly string[];
  readonly #labelNames: readonly Label[];
  readonly #make: () => S;
  readonly #renderSeries: SeriesLines;
  readonly #series = new Map<string, S>();
  readonly #taken = new Map<string, readonly number[]>();

  constructor({ name, help, type, labelNames, merge, bounds, make }: FamilyOptions<S, Label>) {
    this.metric = bounds === undefined ? name : [name, ...bounds].join(" ");
    this.merge = merge;
    this.#head = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
    this.#labelNames = labelNames;
    this.#make = make;
    this.#renderSeries = bounds === undefined ? valueLines(name) : bucketLines(name, bounds);
    // A metric without labels has its one series from the start, at zero.
    if (labelNames.length === 0) this.#series.set("", make());
  }

  labels(values: Readonly<Record<Label, string>>): S {
    const key = this.#labelNames.map((name) => `${name}="${escapeLabel(values[name])}"`).join(",");
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.#make();
      this.#series.set(key, series);
    }
    return series;
  }

  samples(): readonly MetricsSample[] {
    return [...this.#series].map(([labels, series]) => ({ metric: this.metric, labels, numbers: series.numbers() }));
  }

  takeGains(): readonly MetricsSample[] {
    const gains: MetricsSample[] = [];
    for (const { metric, labels, numbers } of this.samples()) {
      const taken = this.#taken.get(labels);
      const gained = taken === undefined ? numbers : numbers.map((number, index) => number - taken[index]!);
      if (taken !== undefined && gained.every((gain) => gain === 0)) continue;
      gains.push({ metric, labels, numbers: gained });
      this.#taken.set(labels, numbers);
    }
    return gains;
  }

  render(samples: readonly MetricsSample[], lines: string[]): void {
    lines.push(...this.#head);
    for (const { labels, numbers } of samples) this.#renderSeries(labels, numbers, lines);
  }
}

class Value implements Counter, Gauge, Series {
  #value = 0;

  inc(by = 1): void {
    this.#value += by;
  }

  add(by: number): void {
    this.#value += by;
  }

  set(value: number): void {
    this.#value = value;
  }

  numbers(): readonly number[] {
    return [this.#value];
  }
}

class Buckets implements Histogram, Series {
  readonly #bounds: readonly number[];
  /** One more than the bounds: the last is for what is beyond them. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let index = 0;
    while (index < this.#bounds.length && value > this.#bounds[index]!) index++;
    this.#counts[index]! += 1;
    this.#sum += value;
  }

  numbers(): readonly number[] {
    return [this.#sum, ...this.#counts];
  }
}

/** Adds a series' sample lines; `labels` is `a="b",c="d"` or empty. */
type SeriesLines = (labels: string, numbers: readonly number[], lines: string[]) => void;

function valueLines(name: string): SeriesLines {
  return (labels, [value = 0], lines) => lines.push(`${name}${braced(labels)} ${numberText(value)}`);
}

function bucketLines(name: string, bounds: readonly number[]): SeriesLines {
  const limits = [...bounds.map(String), "+Inf"];
  return (labels, [sum = 0, ...counts], lines) => {
    const prefix = labels === "" ? "" : `${labels},`;
    let total = 0;
    limits.forEach((limit, index) => {
      total += counts[index] ?? 0;
      lines.push(`${name}_bucket{${prefix}le="${limit}"} ${total}`);
    });
    lines.push(`${name}_sum${braced(labels)} ${numberText(sum)}`, `${name}_count${braced(labels)} ${total}`);
  };
}

function braced(labels: string): string {
  return labels === "" ? "" : `{${labels}}`;
}

/** The format's word for infinity is not JavaScript's. */
function numberText(value: number): string {
  return String(value).replace("Infinity", "Inf").replace(/^I/, "+I");
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`));
}
