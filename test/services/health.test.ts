import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { createDetailedHealth, type Dependency, shallowHealth } from "#src/services/health.ts";
import { VERSION } from "#src/version.ts";

const well = async () => {};

function fails(error: unknown) {
  return async () => {
    throw error;
  };
}

/** A probe that ends when it is told to, and counts how often it was asked. */
function held() {
  const waiting: (() => void)[] = [];
  return {
    probe: () => new Promise<void>((resolve) => waiting.push(resolve)),
    asked: () => waiting.length,
    letGo: () => {
      for (const resolve of waiting) resolve();
    },
  };
}

function setUp(dependencies: readonly Dependency[]) {
  let nowMs = 1_000_000;
  const ask = createDetailedHealth(dependencies, () => nowMs);
  const advance = (ms: number) => {
    nowMs += ms;
  };
  return { ask, advance };
}

test("the shallow answer asks nobody", () => {
  expect(shallowHealth()).toEqual({ status: "healthy", version: VERSION, services: {} });
});

describe("the detailed answer", () => {
  test("is healthy when everything that is configured is", async () => {
    const { ask } = setUp([{ label: "user-service", probe: well }, { label: "redis" }]);
    expect(await ask()).toEqual({
      status: "healthy",
      version: VERSION,
      services: { "user-service": "healthy", redis: "not_configured" },
      details: { "user-service": { latency_ms: expect.any(Number), breaker: "closed" }, redis: {} },
    });
  });

  test("says of each where its circuit breaker stands; what has none is never shut", async () => {
    const { ask } = setUp([
      { label: "user-service", probe: well, breaker: () => "open" },
      { label: "task-service", probe: fails(new Error("down")), breaker: () => "half-open" },
      { label: "presence-service", probe: well },
    ]);
    expect(await ask()).toMatchObject({
      services: { "user-service": "healthy", "task-service": "unhealthy" },
      details: {
        "user-service": { breaker: "open" },
        "task-service": { breaker: "half-open" },
        "presence-service": { breaker: "closed" },
      },
    });
  });

  test("is degraded when one is not, and the others are what they are", async () => {
    const { ask } = setUp([
      { label: "user-service", probe: well },
      { label: "task-service", probe: fails(new Error("down")) },
      { label: "nats" },
    ]);
    expect(await ask()).toMatchObject({
      status: "degraded",
      services: { "user-service": "healthy", "task-service": "unhealthy", nats: "not_configured" },
      details: { "task-service": { latency_ms: expect.any(Number), breaker: "closed", error: "unreachable" } },
    });
  });

  test.each<readonly [unknown, string, string]>([
    [new ConnectError("http://10.0.0.7:50051 hunter2", Code.DeadlineExceeded), "timeout", "a deadline"],
    [new ConnectError("http://10.0.0.7:50051 hunter2", Code.Unavailable), "unreachable", "a connection"],
    [new DOMException("hunter2", "TimeoutError"), "timeout", "a signal's time-out"],
    [new Error("connect ECONNREFUSED 10.0.0.7:8080 hunter2"), "unreachable", "a refusal"],
    ["hunter2", "unreachable", "no error at all"],
    [undefined, "unreachable", "nothing"],
  ])("says in one word what is wrong, and nothing of the text: %#", async (error, word) => {
    const { ask } = setUp([{ label: "user-service", probe: fails(error) }]);
    const health = await ask();
    expect(health.details["user-service"]).toMatchObject({ error: word });
    expect(JSON.stringify(health)).not.toMatch(/hunter2|10\.0\.0\.7/);
  });

  test("asks all at once, each with a bound on its time", async () => {
    const bounds: number[] = [];
    let running = 0;
    let most = 0;
    const probe = async (timeoutMs: number) => {
      bounds.push(timeoutMs);
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
    };
    await setUp(["a", "b", "c"].map((label) => ({ label, probe }))).ask();
    expect(bounds).toEqual([2_000, 2_000, 2_000]);
    expect(most).toBe(3);
  });

  test("with a probe that throws before there is a promise is an answer too", async () => {
    const probe = () => {
      throw new Error("not asynchronous");
    };
    expect(await setUp([{ label: "user-service", probe }]).ask()).toMatchObject({ status: "degraded" });
  });
});

describe("asking often is no load on the services", () => {
  test("an answer is kept for a second", async () => {
    let asked = 0;
    const probe = async () => {
      asked += 1;
    };
    const { ask, advance } = setUp([{ label: "user-service", probe }]);
    const first = await ask();
    advance(999);
    expect(await ask()).toBe(first);
    advance(1);
    expect(await ask()).not.toBe(first);
    expect(asked).toBe(2);
  });

  test("while the services are being asked, others get the answer before", async () => {
    const { probe, asked, letGo } = held();
    const { ask, advance } = setUp([{ label: "user-service", probe }]);
    const first = ask();
    letGo();
    const before = await first;
    advance(1_000);
    const slow = ask();
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([before, before, before]);
    expect(asked()).toBe(2);
    letGo();
    expect(await slow).not.toBe(before);
    expect(asked()).toBe(2);
  });

  test("a caller who went away in the middle does not leave the old answer standing", async () => {
    const { probe, asked, letGo } = held();
    const { ask, advance } = setUp([{ label: "user-service", probe }]);
    const first = ask();
    letGo();
    await first;
    advance(1_000);
    void ask();
    advance(1_000);
    void ask();
    expect(asked()).toBe(3);
    letGo();
  });
});
