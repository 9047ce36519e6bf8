import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test } from "vitest";
import { MAX_ISOLATES, MAX_SERIES, SqliteMetricsLedger } from "../../src/workers/sqlite-metrics-ledger.ts";
import { metricsLedgerSuite } from "../suites/metrics-ledger-suite.ts";
import { sharedMetricsProperty } from "../suites/shared-metrics-property.ts";
import { freshMetricsObject, type MetricsObject } from "./metrics-objects.ts";

describe("the Durable Object", () => {
  metricsLedgerSuite(() => freshMetricsObject().ledger);
});

describe("the Durable Object, evicted between any two calls", () => {
  let object: MetricsObject;
  beforeEach(() => {
    object = freshMetricsObject();
  });
  metricsLedgerSuite(
    () => object.ledger,
    () => evictDurableObject(object.stub()),
  );
});

describe("isolates in front of a Durable Object", () => {
  test("add up to what they counted, whatever fails and whenever the object is evicted", async () => {
    await sharedMetricsProperty({
      runs: 20,
      make: () => {
        const { ledger, stub } = freshMetricsObject();
        const evict = async () => {
          // Only what runs can be evicted.
          await ledger.read();
          await evictDurableObject(stub());
        };
        return { ledger, evict };
      },
    });
  });
});

describe("the object's tables", () => {
  const A = "11111111-1111-4111-8111-111111111111";
  const gains = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => ({ metric: "calls_total", labels: `n="${from + at}"`, numbers: [1] }));

  test("hold so many series and no more, and those that moved last", async () => {
    const { stub } = freshMetricsObject();
    await runInDurableObject(stub(), (_instance, { storage }) => {
      let nowMs = 0;
      const ledger = new SqliteMetricsLedger(storage, () => nowMs);
      ledger.add({ isolate: A, reports: [{ sequence: 1, gains: gains(0, MAX_SERIES) }], gauges: [] });
      nowMs = 1_000;
      ledger.add({ isolate: A, reports: [{ sequence: 2, gains: gains(MAX_SERIES - 10, 20) }], gauges: [] });
      const totals = ledger.read();
      expect(totals).toHaveLength(MAX_SERIES);
      const moved = totals.filter(({ labels }) => Number(/\d+/.exec(labels)) >= MAX_SERIES - 10);
      expect(moved.map(({ numbers: [number] }) => number).toSorted()).toEqual([
        ...Array(10).fill(1),
        ...Array(10).fill(2),
      ]);
    });
  });

  test("forget an isolate an hour after its last word, when another one comes", async () => {
    const { stub } = freshMetricsObject();
    await runInDurableObject(stub(), (_instance, { storage }) => {
      let nowMs = 0;
      const ledger = new SqliteMetricsLedger(storage, () => nowMs);
      const known = () => storage.sql.exec("SELECT id FROM isolates").toArray().length;
      for (const id of ["a", "b", "c"]) ledger.add({ isolate: id, reports: [], gauges: [] });
      nowMs = 3_600_000;
      ledger.add({ isolate: "d", reports: [], gauges: [] });
      expect(known()).toBe(4);
      nowMs += 1;
      ledger.add({ isolate: "e", reports: [], gauges: [] });
      expect(known()).toBe(2);
    });
  });

  test("hold so many isolates and no more, and those that were heard last", async () => {
    const { stub } = freshMetricsObject();
    await runInDurableObject(stub(), (_instance, { storage }) => {
      const ledger = new SqliteMetricsLedger(storage, () => MAX_ISOLATES + 50);
      storage.sql.exec(
        `INSERT INTO isolates
          WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
          SELECT 'isolate-' || i, 0, '[]', i FROM n`,
        MAX_ISOLATES + 10,
      );
      ledger.add({ isolate: A, reports: [], gauges: [] });
      const [row] = storage.sql.exec("SELECT count(*) AS count, min(seen_at_ms) AS oldest FROM isolates").toArray();
      expect(row).toEqual({ count: MAX_ISOLATES, oldest: 12 });
    });
  });

  test("are written in rows that moved, and in one transaction", async () => {
    const { stub } = freshMetricsObject();
    await runInDurableObject(stub(), (_instance, { storage }) => {
      const ledger = new SqliteMetricsLedger(storage, () => 0);
      ledger.add({ isolate: A, reports: [{ sequence: 1, gains: gains(0, 3) }], gauges: [] });
      storage.sql.exec("CREATE TRIGGER broken BEFORE INSERT ON isolates BEGIN SELECT RAISE(ABORT, 'disk full'); END");
      const again = { isolate: A, reports: [{ sequence: 2, gains: gains(0, 3) }], gauges: [] };
      expect(() => ledger.add(again), "so that the isolate keeps it").toThrow("disk full");
      expect(ledger.read().map(({ numbers }) => numbers)).toEqual([[1], [1], [1]]);
      storage.sql.exec("DROP TRIGGER broken");
      ledger.add(again);
      expect(ledger.read().map(({ numbers }) => numbers)).toEqual([[2], [2], [2]]);
    });
  });
});
