import { describe } from "vitest";
import { metricsLedgerSuite } from "../suites/metrics-ledger-suite.ts";
import { memoryMetricsLedger } from "../support/memory-metrics-ledger.ts";

describe("the ledger that tests use", () => {
  metricsLedgerSuite(memoryMetricsLedger);
});
