import { runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import type { BreakerState } from "../../src/upstream/breaker.ts";
import { INITIAL_BREAKER_STATE } from "../../src/upstream/breaker.ts";
import { storedBreakerState } from "../../src/workers/stored-breaker-state.ts";
import { advance, evict, newService, stopTheClock, stubOf } from "./breaker-objects.ts";

stopTheClock();

const FAILURES = { calls: 5, failures: 5, row: 5, rowBegan: false };
const QUIET = { kind: "closed", epoch: 0, openings: 0, waitMs: 0, troubled: false };

/** What the object has stored, and nothing if it has not stored anything. */
function stored(service: string): Promise<unknown> {
  return runInDurableObject(stubOf(service), (_object, { storage }) => storage.kv.get("state"));
}

describe("what is no report changes nothing and is answered", () => {
  test.each<readonly [what: string, epoch: unknown, tally: unknown]>([
    ["nothing", undefined, undefined],
    ["null", null, null],
    ["text", "0", "five"],
    ["a negative epoch", -1, FAILURES],
    ["half an epoch", 0.5, FAILURES],
    ["more failures than calls", 0, { ...FAILURES, calls: 4 }],
    ["a longer row than there are failures", 0, { ...FAILURES, row: 6 }],
    ["endless calls", 0, { ...FAILURES, calls: Number.POSITIVE_INFINITY }],
    ["NaN", 0, { calls: NaN, failures: NaN, row: NaN, rowBegan: false }],
    ["no word on where the row began", 0, { ...FAILURES, rowBegan: undefined }],
  ])("%s", async (_what, epoch, tally) => {
    const service = newService();
    expect(await stubOf(service).record(epoch, tally)).toEqual(QUIET);
    expect(await stubOf(service).recordProbe(epoch, tally)).toEqual(QUIET);
    expect(await stored(service)).toBeUndefined();
  });

  test("the outcome of a probe that nobody has asked for", async () => {
    const service = newService();
    expect(await stubOf(service).recordProbe(0, "failure")).toEqual(QUIET);
    await stubOf(service).record(0, FAILURES);
    expect(await stubOf(service).recordProbe(1, "success")).toMatchObject({ kind: "open" });
  });

  test("a probe's outcome that is no outcome leaves it the probe", async () => {
    const service = newService();
    const stub = stubOf(service);
    const { waitMs } = await stub.record(0, FAILURES);
    advance(waitMs);
    const { epoch, granted } = await stub.askForProbe();
    expect(granted).toBe(true);
    expect(await stub.recordProbe(epoch, "splendid")).toMatchObject({ kind: "half-open", epoch });
    expect(await stub.recordProbe(epoch, "success")).toMatchObject({ kind: "closed", epoch: epoch + 1 });
    // Once more, since its answer may have been lost.
    expect(await stub.recordProbe(epoch, "failure")).toMatchObject({ kind: "closed", epoch: epoch + 1 });
  });
});

test("what was seen before the last change counts for nothing; what is seen after it does", async () => {
  const service = newService();
  const stub = stubOf(service);
  const { waitMs } = await stub.record(0, FAILURES);
  advance(waitMs);
  const { epoch } = await stub.askForProbe();
  const closed = await stub.recordProbe(epoch, "success");
  expect(await stub.record(0, FAILURES)).toEqual(closed);
  expect(await stub.record(closed.epoch, FAILURES)).toMatchObject({ kind: "open", openings: 1 });
});

describe("what is stored", () => {
  test("is nothing while nothing goes wrong", async () => {
    const service = newService();
    await stubOf(service).record(0, { calls: 100, failures: 0, row: 0, rowBegan: true });
    expect(await stored(service)).toBeUndefined();
  });

  test("is the whole state as soon as something does", async () => {
    const service = newService();
    await stubOf(service).record(0, { calls: 3, failures: 1, row: 1, rowBegan: true });
    expect(await stored(service)).toEqual({
      kind: "closed",
      epoch: 0,
      consecutiveFailures: 1,
      window: [{ startMs: Date.now(), calls: 3, failures: 1 }],
    });
  });

  test.each<readonly [what: string, stored: unknown]>([
    ["text", "open"],
    ["nothing", null],
    ["another version's kind", { kind: "forced-open", epoch: 1 }],
    ["an open time without end", { kind: "open", epoch: 1, openings: 1 }],
    ["an epoch that is none", { kind: "open", epoch: "1", openings: 1, untilMs: 5 }],
    ["a window that is none", { kind: "closed", epoch: 1, consecutiveFailures: 0, window: [1] }],
    ["a half-open one without a probe", { kind: "half-open", epoch: 1, openings: 1 }],
  ])("and cannot be understood (%s) begins closed", (_what, state) => {
    expect(storedBreakerState(state)).toBe(INITIAL_BREAKER_STATE);
  });

  test.each<BreakerState>([
    { kind: "closed", epoch: 3, consecutiveFailures: 2, window: [{ startMs: 1_000, calls: 2, failures: 2 }] },
    { kind: "open", epoch: 4, openings: 2, untilMs: 5_000 },
    { kind: "half-open", epoch: 5, openings: 2, probeUntilMs: 5_000 },
  ])("and can be is the state: $kind", (state) => {
    expect(storedBreakerState(state)).toEqual(state);
  });

  test("in a shape of another version is no harm to the object", async () => {
    const service = newService();
    await runInDurableObject(stubOf(service), (_object, { storage }) => storage.kv.put("state", { kind: "ajar" }));
    await evict(service);
    expect(await stubOf(service).record(undefined, undefined)).toEqual(QUIET);
  });
});
