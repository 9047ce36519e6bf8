import { describe, expect, inject, test } from "vitest";
import { createErrorReporter } from "../../src/telemetry/error-reports.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { errorReportsSuite } from "../suites/error-reports-suite.ts";

describe("error reports, in workerd", () => {
  errorReportsSuite({ runtime: "workerd" });
});

describe("over workerd's own fetch, a report", () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "warn", write: (line) => lines.push(line), now: Date.now });
  const ingest = (path: string) => `http://127.0.0.1:${inject("ingestPort")}${path}`;

  /** Reports an error, and answers what the ingest at this DSN has got and what the log says of it. */
  async function reportTo(dsnAt: (key: string) => string) {
    const key = crypto.randomUUID().replaceAll("-", "");
    const work: Promise<void>[] = [];
    lines.length = 0;
    const reporter = createErrorReporter({
      dsn: dsnAt(key),
      environment: undefined,
      runtime: "workerd",
      fetch: (input, init) => fetch(input, init),
      keepAlive: (each) => work.push(each),
      now: Date.now,
      logger,
    });
    const origin = { kind: "request", requestId: "mine-1", route: "/health", method: "GET" } as const;
    reporter.report(new TypeError("x is not a function"), origin);
    expect(work).toHaveLength(1);
    await Promise.all(work);
    const bodies: string[] = await (await fetch(ingest(`/received/${key}`))).json();
    return { bodies, log: lines.map((line) => JSON.parse(line).message) };
  }

  const dsn = (behaviour: string) => (key: string) => ingest(`/${behaviour}/42`).replace("://", `://${key}@`);

  test("arrives, with the places in workerd's stack", async () => {
    const { bodies, log } = await reportTo(dsn("fine"));
    expect(log).toEqual([]);
    const event = JSON.parse(bodies[0]!.split("\n")[2]!);
    expect(event).toMatchObject({ platform: "javascript", tags: { request_id: "mine-1", runtime: "workerd" } });
    const { frames } = event.exception.values[0].stacktrace;
    expect(frames.at(-1)).toMatchObject({ filename: expect.stringContaining("error-reports.test.ts"), in_app: true });
  });

  test.each([
    ["fails", "an error report was refused"],
    ["hangs", "an error report was lost"],
    ["breaks", "an error report was lost"],
  ])("to an ingest that %s is over, without an error, in a moment", async (behaviour, message) => {
    const { bodies, log } = await reportTo(dsn(behaviour));
    expect(bodies).toHaveLength(1);
    expect(log).toEqual([message]);
  });

  test("to nobody is over as well", async () => {
    const { log } = await reportTo((key) => `http://${key}@127.0.0.1:9/42`);
    expect(log).toEqual(["an error report was lost"]);
  });
});
