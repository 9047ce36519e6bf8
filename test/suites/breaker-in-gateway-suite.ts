import { Code, ConnectError } from "@connectrpc/connect";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Answer, call } from "../support/gateway-under-test.ts";
import { type Cast, callRoute, gatherCast, ROUTES_WITH_NEEDS } from "../support/routes-with-needs.ts";
import { samplesOf, scrape } from "../support/scrape.ts";
import type { ScriptedServices } from "../support/scripted-gateway.ts";
import { hang } from "../support/scripted-service.ts";
import type { SuiteTarget } from "./suite-target.ts";

export interface BreakerTarget extends SuiteTarget {
  readonly scripted: ScriptedServices;
  /** What the gateway has logged so far, an object a line, from `info` on. */
  readonly log: readonly Record<string, unknown>[];
  untilLogged(): Promise<void>;
}

/** As configured unless told. */
const FAILURE_THRESHOLD = 5;
/** In a target whose gateway waits so long for a whole request, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 1_000;
/** A route that needs the Task Service alone, and one that does not need it. */
const ILL = "GET /api/v1/tasks";
const WELL = ROUTES_WITH_NEEDS.filter(({ needs }) => !needs.includes("tasks"));

/** What a circuit breaker does, as clients and operators see it. */
export function breakerInGatewaySuite(target: () => BreakerTarget): void {
  let cast: Cast;
  const ask = () => call(target().url, ILL, { token: cast.client.token });
  const unavailable = () => {
    throw new ConnectError("draining", Code.Unavailable);
  };
  const state = async () => {
    const samples = samplesOf(await scrape(target().url), "gateway_circuit_breaker_state");
    return samples.find(({ labels }) => labels.service === "task-service")?.value;
  };

  beforeAll(async () => {
    cast = await gatherCast(target().url);
  });
  beforeEach(async () => {
    target().scripted.tasks.reset();
    await untilWell();
  });

  /** Calls, so many at once, until the breaker refuses one, and answers what the others came to. */
  async function untilRefused(): Promise<readonly Answer[]> {
    const failures: Answer[] = [];
    for (;;) {
      const answers = await Promise.all(Array.from({ length: FAILURE_THRESHOLD }, ask));
      const others = answers.filter(({ body }) => body.code !== "CIRCUIT_BREAKER_OPEN");
      failures.push(...others);
      if (others.length < answers.length) return failures;
      // One that had less than its time, since the machine was busy, counts for nothing.
      expect(failures.length).toBeLessThanOrEqual(3 * FAILURE_THRESHOLD);
    }
  }

  /** Calls until the service is used again. */
  async function untilWell(): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    for (;;) {
      const answer = await ask();
      if (answer.status === 200) return answers;
      answers.push(answer);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  describe.each([
    ["R-03 a service that says UNAVAILABLE", unavailable, 503, "SERVICE_UNAVAILABLE"],
    ["R-02 a service that hangs", hang, 504, "DEADLINE_EXCEEDED"],
  ])("%s", (_what, behave, status, code) => {
    test("is left alone after so many failures: 503 at once, with Retry-After", async () => {
      target().scripted.tasks.answer({ listTasks: behave });
      const before = await untilRefused();
      expect(before.length).toBeGreaterThanOrEqual(FAILURE_THRESHOLD);
      for (const answer of before) expect([answer.status, answer.body.code]).toEqual([status, code]);
      // An open time may be over at any moment on a slow machine: a probe meets the failure and opens it again.
      const refusals = (await Promise.all(Array.from({ length: 20 }, ask))).filter((one) => one.body.code !== code);
      expect(refusals.length).toBeGreaterThanOrEqual(19);
      for (const refusal of refusals) {
        expect(refusal.status).toBe(503);
        expect(refusal.body).toMatchObject({ code: "CIRCUIT_BREAKER_OPEN", status: 503 });
        expect(refusal.headers.get("retry-after")).toMatch(/^[1-9]\d?$/);
        expect(refusal.headers.get("content-type")).toBe("application/problem+json");
      }
    });

    test("costs the other routes nothing", async () => {
      target().scripted.tasks.answer({ listTasks: behave });
      await untilRefused();
      const load = Promise.all(Array.from({ length: 40 }, ask));
      const answers = await Promise.all(
        WELL.filter(({ route }) => route.startsWith("GET")).map((route) => callRoute(target().url, route, cast)),
      );
      await load;
      for (const answer of answers) expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
    });

    test("R-04 is used again when it is back, and stays in use", async () => {
      target().scripted.tasks.answer({ listTasks: behave });
      await untilRefused();
      target().scripted.tasks.reset();
      const before = target().scripted.tasks.arrived.length;
      const refusals = await untilWell();
      for (const { body } of refusals) expect(body.code).toBe("CIRCUIT_BREAKER_OPEN");
      expect(target().scripted.tasks.arrived.length - before, "calls that it saw").toBe(1);
      const answers = await Promise.all(Array.from({ length: 50 }, ask));
      expect(answers.map((answer) => answer.status)).toEqual(Array(50).fill(200));
    });
  });

  test("shows in metric, log and /health/detailed", async () => {
    expect(await state()).toBe(0);
    target().scripted.tasks.answer({ listTasks: unavailable });
    await untilRefused();
    // Half-open is another way of not being closed.
    expect([1, 2]).toContain(await state());
    const { body } = await call(target().url, "GET /health/detailed");
    expect(["open", "half-open"]).toContain(body.details["task-service"].breaker);
    expect(body.details["user-service"].breaker).toBe("closed");
    expect(body.details["presence-service"].breaker).toBe("closed");
    target().scripted.tasks.reset();
    await untilWell();
    expect(await state()).toBe(0);
    await target().untilLogged();
    const lines = target().log.filter(({ message }) => String(message).startsWith("the circuit breaker is"));
    expect(lines).toContainEqual(expect.objectContaining({ level: "warn", upstream: "task-service", from: "closed" }));
    expect(lines.at(-1)).toMatchObject({ level: "info", message: "the circuit breaker is closed", from: "half-open" });
    expect(new Set(lines.map(({ upstream }) => upstream))).toEqual(new Set(["task-service"]));
  });

  test("what clients do wrong opens nothing", async () => {
    target().scripted.tasks.answer({
      listTasks: () => {
        throw new ConnectError("no", Code.InvalidArgument);
      },
    });
    for (let n = 0; n < 4 * FAILURE_THRESHOLD; n++) expect((await ask()).status).toBe(400);
    expect(await state()).toBe(0);
  });
}
