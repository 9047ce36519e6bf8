import type { GaugeSample, MetricsSample } from "../telemetry/metrics.ts";
import { GAUGE_LIFETIME_MS, ISOLATE_MEMORY_MS } from "../telemetry/metrics-ledger.ts";
import { readBatch } from "../telemetry/read-metrics-batch.ts";

/** Some ten times what our own labels can make: a bound against mistakes, not a budget. */
export const MAX_SERIES = 5_000;
export const MAX_ISOLATES = 10_000;

type SeriesRow = { readonly metric: string; readonly labels: string; readonly numbers: string };

/**
 * Totals in SQLite, and nowhere else: an object that is evicted, as it may be between any two calls, has nothing to lose
 * and nothing to load. A call changes only the rows of the series that moved, all of them together or none.
 */
export class SqliteMetricsLedger {
  readonly #storage: DurableObjectStorage;
  readonly #now: () => number;

  constructor(storage: DurableObjectStorage, now: () => number) {
    this.#storage = storage;
    this.#now = now;
    storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS series (
        metric TEXT, labels TEXT, numbers TEXT NOT NULL, moved_at_ms INTEGER NOT NULL,
        PRIMARY KEY (metric, labels)
      ) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS isolates (
        id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, gauges TEXT NOT NULL, seen_at_ms INTEGER NOT NULL
      ) WITHOUT ROWID;
    `);
  }

  /** As in MetricsLedger. Whatever comes, it does not throw. */
  add(untrusted: unknown): void {
    const batch = readBatch(untrusted);
    if (batch === undefined) return;
    const { isolate, reports, gauges } = batch;
    this.#storage.transactionSync(() => {
      const known = this.#sequenceOf(isolate);
      let last = known ?? 0;
      let newSeries = false;
      for (const { sequence, gains } of reports) {
        if (sequence <= last) continue;
        for (const gain of gains) newSeries = this.#gain(gain) || newSeries;
        last = sequence;
      }
      this.#run(
        "INSERT OR REPLACE INTO isolates (id, sequence, gauges, seen_at_ms) VALUES (?, ?, ?, ?)",
        isolate,
        last,
        JSON.stringify(gauges),
        this.#now(),
      );
      // Each is a walk through a table, and each rare.
      if (newSeries) this.#dropStillest();
      if (known === undefined) this.#forgetIsolates();
    });
  }

  read(): readonly MetricsSample[] {
    const rows = this.#rows<SeriesRow>("SELECT metric, labels, numbers FROM series");
    const totals = rows.map(({ numbers, ...series }) => ({ ...series, numbers: JSON.parse(numbers) as number[] }));
    return [...totals, ...this.#liveGauges()];
  }

  #sequenceOf(isolate: string): number | undefined {
    return this.#rows<{ sequence: number }>("SELECT sequence FROM isolates WHERE id = ?", isolate)[0]?.sequence;
  }

  /** Answers whether the series is a new one. */
  #gain({ metric, labels, numbers }: MetricsSample): boolean {
    const [row] = this.#rows<{ numbers: string }>(
      "SELECT numbers FROM series WHERE metric = ? AND labels = ?",
      metric,
      labels,
    );
    const before: readonly number[] = row === undefined ? [] : JSON.parse(row.numbers);
    // A metric's name has its bounds in it, so all of one series are of one length.
    const after = numbers.map((number, index) => number + (before[index] ?? 0));
    this.#run(
      "INSERT OR REPLACE INTO series (metric, labels, numbers, moved_at_ms) VALUES (?, ?, ?, ?)",
      metric,
      labels,
      JSON.stringify(after),
      this.#now(),
    );
    return row === undefined;
  }

  /** What has been still for longest makes place: after years of releases those are the routes that are no more. */
  #dropStillest(): void {
    this.#run(
      `DELETE FROM series WHERE (metric, labels) IN
        (SELECT metric, labels FROM series ORDER BY moved_at_ms DESC LIMIT -1 OFFSET ?)`,
      MAX_SERIES,
    );
  }

  #forgetIsolates(): void {
    this.#run("DELETE FROM isolates WHERE seen_at_ms < ?", this.#now() - ISOLATE_MEMORY_MS);
    this.#run(
      "DELETE FROM isolates WHERE id IN (SELECT id FROM isolates ORDER BY seen_at_ms DESC LIMIT -1 OFFSET ?)",
      MAX_ISOLATES,
    );
  }

  #liveGauges(): readonly MetricsSample[] {
    const rows = this.#rows<{ gauges: string }>(
      "SELECT gauges FROM isolates WHERE seen_at_ms > ?",
      this.#now() - GAUGE_LIFETIME_MS,
    );
    const merged = new Map<string, MetricsSample>();
    for (const gauge of rows.flatMap(({ gauges }) => JSON.parse(gauges) as readonly GaugeSample[])) {
      const key = `${gauge.metric} ${gauge.labels}`;
      const other = merged.get(key);
      merged.set(key, other === undefined ? gauge : mergeGauges(gauge, other));
    }
    return [...merged.values()].map(({ metric, labels, numbers }) => ({ metric, labels, numbers }));
  }

  #rows<Row extends Record<string, SqlStorageValue>>(query: string, ...bindings: SqlStorageValue[]): Row[] {
    return this.#storage.sql.exec<Row>(query, ...bindings).toArray();
  }

  #run(statement: string, ...bindings: SqlStorageValue[]): void {
    this.#storage.sql.exec(statement, ...bindings);
  }
}

function mergeGauges({ merge, ...gauge }: GaugeSample, other: MetricsSample): MetricsSample {
  const [one = 0, two = 0] = [gauge.numbers[0], other.numbers[0]];
  return { ...gauge, numbers: [merge === "max" ? Math.max(one, two) : one + two] };
}
