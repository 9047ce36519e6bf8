import { beforeEach, expect, test, vi } from "vitest";
import { guardRedis, STORE_BREAKER_OPTIONS } from "#src/store/guarded-redis.ts";
import { type Redis, RedisError, type RedisReply, StoreUnavailable } from "#src/store/redis.ts";
import { createGatewayMetrics } from "#src/telemetry/gateway-metrics.ts";
import { createLogger } from "#src/telemetry/logger.ts";

const { failureThreshold, openMs, maxOpenMs, probeMs } = STORE_BREAKER_OPTIONS;

// No jitter.
beforeEach(() => {
  const random = vi.spyOn(Math, "random").mockReturnValue(0);
  return () => random.mockRestore();
});

function setUp() {
  let nowMs = Date.UTC(2030, 0, 1);
  const lines: Record<string, unknown>[] = [];
  const metrics = createGatewayMetrics();
  let behave: () => Promise<readonly RedisReply[]> = async () => ["PONG"];
  let asked = 0;
  const redis: Redis = {
    run() {
      asked += 1;
      return behave();
    },
  };
  const now = () => nowMs;
  const logger = createLogger({ level: "info", write: (line) => lines.push(JSON.parse(line)), now });
  const guarded = guardRedis({ redis, now, metrics, logger });
  const outcome = () =>
    guarded.run([["PING"]]).then(
      () => "ok",
      (error: unknown) => error,
    );
  return {
    guarded,
    outcome,
    lines,
    asked: () => asked,
    metric: (series: string) =>
      new RegExp(`^${series.replaceAll(/[{}]/g, "\\$&")} (.*)$`, "m").exec(metrics.render())?.[1],
    advance: (ms: number) => {
      nowMs += ms;
    },
    behave: (next: typeof behave) => {
      behave = next;
    },
  };
}

const dead = () => Promise.reject(new StoreUnavailable("no connection: ECONNREFUSED"));
const well = async () => ["PONG"];

test("while the store is well, calls go through", async () => {
  const { outcome, guarded, metric } = setUp();
  expect(await outcome()).toBe("ok");
  expect(guarded.breaker()).toBe("closed");
  expect(metric("gateway_store_breaker_state")).toBe("0");
  expect(metric('gateway_store_calls_total{status="ok"}')).toBe("1");
});

test("a dead store is asked a few times, and then costs nothing (R-11)", async () => {
  const { outcome, behave, asked, guarded, metric } = setUp();
  behave(dead);
  for (let call = 0; call < 50; call += 1) expect(await outcome()).toBeInstanceOf(StoreUnavailable);
  expect(asked()).toBe(failureThreshold);
  expect(guarded.breaker()).toBe("open");
  expect(metric("gateway_store_breaker_state")).toBe("1");
  expect(metric('gateway_store_calls_total{status="failed"}')).toBe(String(failureThreshold));
  expect(metric('gateway_store_calls_total{status="refused"}')).toBe(String(50 - failureThreshold));
});

test("a refusal says when another try makes sense, in whole seconds", async () => {
  const { outcome, behave } = setUp();
  behave(dead);
  for (let call = 0; call < failureThreshold; call += 1) await outcome();
  expect(await outcome()).toMatchObject({ reason: "the store's breaker is open", retryAfterSeconds: 1, status: 503 });
});

test("after the open time one call at a time finds out whether it is back", async () => {
  const { outcome, behave, asked, advance, guarded } = setUp();
  behave(dead);
  for (let call = 0; call < failureThreshold; call += 1) await outcome();
  advance(openMs);
  let answer: () => void = () => {};
  behave(
    () =>
      new Promise((resolve) => {
        answer = () => resolve(["PONG"]);
      }),
  );
  const before = asked();
  const probe = outcome();
  for (let call = 0; call < 10; call += 1) expect(await outcome()).toBeInstanceOf(StoreUnavailable);
  expect(asked()).toBe(before + 1);
  answer();
  expect(await probe).toBe("ok");
  expect(guarded.breaker()).toBe("closed");
});

test("a store that is back is used again within 10 seconds, however long it was away (R-13)", async () => {
  const { outcome, behave, advance } = setUp();
  behave(dead);
  for (let second = 0; second < 3_600; second += 1) {
    await outcome();
    advance(1_000);
  }
  behave(well);
  let waitedMs = 0;
  while ((await outcome()) !== "ok") {
    advance(500);
    waitedMs += 500;
  }
  expect(waitedMs).toBeLessThanOrEqual(maxOpenMs);
  expect(maxOpenMs + probeMs).toBeLessThan(10_000);
});

test("a probe whose request went away is given up, and another finds out", async () => {
  const { outcome, behave, advance } = setUp();
  behave(dead);
  for (let call = 0; call < failureThreshold; call += 1) await outcome();
  advance(openMs);
  behave(() => new Promise(() => {}));
  void outcome();
  behave(well);
  expect(await outcome()).toBeInstanceOf(StoreUnavailable);
  advance(probeMs);
  expect(await outcome()).toBe("ok");
});

test("a command that Redis refused is an answer: the store is well", async () => {
  const { outcome, behave, guarded } = setUp();
  for (let call = 0; call < 50; call += 1) {
    behave(async () => [new RedisError("WRONGTYPE Operation against a key")]);
    await outcome();
  }
  expect(guarded.breaker()).toBe("closed");
});

test("a client that throws what it should not is a store that cannot be used, not a 500", async () => {
  const { outcome, behave } = setUp();
  behave(() => Promise.reject(new TypeError("canary")));
  const error = await outcome();
  expect(error).toBeInstanceOf(StoreUnavailable);
  expect((error as Error).message).not.toMatch(/canary/);
});

test("there is one line in the log for each change", async () => {
  const { outcome, behave, advance, lines } = setUp();
  behave(dead);
  for (let second = 0; second < 60; second += 1) {
    await outcome();
    advance(1_000);
  }
  behave(well);
  advance(maxOpenMs);
  for (let call = 0; call < 5; call += 1) await outcome();
  expect(lines.map(({ level }) => level)).toEqual(["warn", "info"]);
  expect(lines[0]).toMatchObject({ reason: "no connection: ECONNREFUSED" });
});

test("a ping asks the store itself, also while the breaker is open", async () => {
  const { outcome, behave, guarded } = setUp();
  behave(dead);
  for (let call = 0; call < failureThreshold; call += 1) await outcome();
  await expect(guarded.ping()).rejects.toThrow(StoreUnavailable);
  behave(well);
  await expect(guarded.ping()).resolves.toBeUndefined();
  expect(guarded.breaker()).toBe("open");
});
