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

interface Rendered {
  render(lines: string[]): void;
}

/** All metrics of one process or isolate. */
export class MetricsRegistry {
  readonly #families: Rendered[] = [];

  counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Family<Counter, Label> {
    return this.#add(new LabelledFamily(name, help, "counter", labelNames, () => new Value()));
  }

  gauge<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Family<Gauge, Label> {
    return this.#add(new LabelledFamily(name, help, "gauge", labelNames, () => new Value()));
  }

  histogram<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    buckets: readonly number[],
  ): Family<Histogram, Label> {
    return this.#add(new LabelledFamily(name, help, "histogram", labelNames, () => new Buckets(buckets)));
  }

  /** The text that Prometheus scrapes. */
  render(): string {
    const lines: string[] = [];
    for (const family of this.#families) family.render(lines);
    return `${lines.join("\n")}\n`;
  }

  #add<F extends Rendered>(family: F): F {
    this.#families.push(family);
    return family;
  }
}

interface Series {
  /** Adds this series' sample lines; `labels` is `a="b",c="d"` or empty. */
  render(name: string, labels: string, lines: string[]): void;
}

class LabelledFamily<S extends Series, Label extends string> implements Family<S, Label>, Rendered {
  readonly #name: string;
  readonly #head: readonly string[];
  readonly #labelNames: readonly Label[];
  readonly #make: () => S;
  readonly #series = new Map<string, S>();

  constructor(name: string, help: string, type: string, labelNames: readonly Label[], make: () => S) {
    this.#name = name;
    this.#head = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
    this.#labelNames = labelNames;
    this.#make = make;
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

  render(lines: string[]): void {
    lines.push(...this.#head);
    for (const [labels, series] of this.#series) series.render(this.#name, labels, lines);
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

  render(name: string, labels: string, lines: string[]): void {
    lines.push(`${name}${braced(labels)} ${numberText(this.#value)}`);
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

  render(name: string, labels: string, lines: string[]): void {
    const prefix = labels === "" ? "" : `${labels},`;
    let total = 0;
    this.#bounds.forEach((bound, index) => {
      total += this.#counts[index]!;
      lines.push(`${name}_bucket{${prefix}le="${bound}"} ${total}`);
    });
    total += this.#counts[this.#bounds.length]!;
    lines.push(`${name}_bucket{${prefix}le="+Inf"} ${total}`);
    lines.push(`${name}_sum${braced(labels)} ${numberText(this.#sum)}`, `${name}_count${braced(labels)} ${total}`);
  }
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
