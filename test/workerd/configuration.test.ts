import { randomBytes } from "node:crypto";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { call } from "../support/gateway-under-test.ts";
import type { WorkerBundle } from "../support/runtime.ts";
import { startWorker } from "../support/start-worker.ts";

const bundle = inject("workerBundle");
const JWT_SECRET = randomBytes(32).toString("hex");

/** A Worker with these variables and no others, and what it has logged. */
async function start(variables: Readonly<Record<string, string>>, changed: Partial<WorkerBundle> = {}) {
  const log: Record<string, unknown>[] = [];
  const worker = await startWorker(
    { ...bundle, ...changed },
    { variables, writeLog: (line) => log.push(JSON.parse(line)) },
  );
  onTestFinished(() => worker.stop());
  return { ...worker, log };
}

describe("a wrong configuration", () => {
  test("answers every request with 503 and a problem body, and is one line in the log that names all that is wrong", async () => {
    const canary = "hunter2hunter2";
    const wrong = { JWT_SECRET: canary, UPSTREAM_TIMEOUT: canary, TASK_SERVICE_URL: `ftp://${canary}` };
    const { url, log, stderr } = await start(wrong);
    const requests = ["GET /health/live", "GET /health/ready", "POST /api/v1/auth/login", "GET /nowhere?x=1"];
    const answers = await Promise.all(
      requests.map((request) => call(url, request, { headers: { "x-request-id": "r1" } })),
    );
    for (const [index, { status, headers, body }] of answers.entries()) {
      expect(status).toBe(503);
      expect(headers.get("content-type")).toBe("application/problem+json");
      expect(headers.get("retry-after")).toMatch(/^\d+$/);
      expect(headers.get("x-request-id")).toBe("r1");
      expect(body).toEqual({
        type: "about:blank",
        title: "Service Unavailable",
        status: 503,
        detail: "The gateway is not configured.",
        instance: requests[index]!.split(" ")[1]!.split("?")[0],
        code: "SERVICE_UNAVAILABLE",
        message: "The gateway is not configured.",
        request_id: "r1",
      });
    }
    await expect.poll(() => log.length).toBe(1);
    expect(log[0]).toMatchObject({ level: "error", service: "gateway", message: "the configuration is wrong" });
    const problems = log[0]!.problems as string[];
    expect(problems.map((problem) => problem.split(" ")[0]).toSorted()).toEqual([
      "JWT_SECRET",
      "TASK_SERVICE_URL",
      "UPSTREAM_TIMEOUT",
    ]);
    expect(JSON.stringify([log, answers])).not.toContain(canary);
    expect(stderr()).toBe("");
  });

  test.each([
    ["no secret", {}, /^JWT_SECRET must be set/],
    [
      "gRPC for all services",
      { JWT_SECRET, UPSTREAM_PROTOCOL: "grpc" },
      /^UPSTREAM_PROTOCOL must be one of connect, grpc-web$/,
    ],
    [
      "gRPC for one service",
      { JWT_SECRET, TASK_SERVICE_PROTOCOL: "grpc" },
      /^TASK_SERVICE_PROTOCOL must be one of connect/,
    ],
    [
      "a bridge's secret that is none",
      { JWT_SECRET, BRIDGE_SECRET: "short" },
      /^BRIDGE_SECRET must be at least 32 bytes$/,
    ],
  ])("is %s", async (_what, variables: Record<string, string>, problem) => {
    const { url, log } = await start(variables);
    expect((await call(url, "GET /health")).status).toBe(503);
    await expect.poll(() => log).toEqual([expect.objectContaining({ problems: [expect.stringMatching(problem)] })]);
  });
});

test("what a process has and a Worker has not is ignored", async () => {
  const nodeOnly = { GATEWAY_HOST: "127.0.0.1", GATEWAY_PORT: "8000", SHUTDOWN_GRACE: "5" };
  const { url } = await start({ JWT_SECRET, ...nodeOnly });
  expect((await call(url, "GET /health/ready")).status).toBe(200);
});

test("without its Durable Objects the gateway answers, and says once that they are missing", async () => {
  const { url, log } = await start({ JWT_SECRET }, { objects: [] });
  for (let request = 0; request < 3; request++) expect((await call(url, "GET /health/ready")).status).toBe(200);
  await expect
    .poll(() => log.filter(({ level }) => level === "warn"))
    .toEqual([expect.objectContaining({ missing: ["CIRCUIT_BREAKERS", "METRICS_TOTALS"] })]);
});

test("requests that find no gateway yet, all at once, and clients that leave while it is built, are answered", async () => {
  const { url } = await start({ JWT_SECRET });
  const leave = new AbortController();
  const left = Array.from({ length: 5 }, () => fetch(`${url}/health`, { signal: leave.signal }).catch(() => undefined));
  const stayed = Array.from({ length: 20 }, () => call(url, "GET /health"));
  leave.abort();
  await Promise.all(left);
  expect(new Set((await Promise.all(stayed)).map(({ status }) => status))).toEqual(new Set([200]));
});
