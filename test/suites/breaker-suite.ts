import { expect, test } from "vitest";
import { DEFAULT_BREAKER_OPTIONS } from "#src/upstream/breaker.ts";
import type { Admitted, Breaker, BreakerKind, Decision, Refused } from "#src/upstream/breakers.ts";
import type { Outcome } from "#src/upstream/tally.ts";

/** A breaker with the default options and a clock that a test sets. */
export interface BreakerUnderTest {
  readonly breaker: Breaker;
  /** What it has told of its changes, the oldest first. */
  readonly changes: readonly (readonly [from: BreakerKind, to: BreakerKind, openMs: number | undefined])[];
  advance(ms: number): void;
  /** Waits until nothing goes on in the background. */
  settle(): Promise<void>;
}

const { failureThreshold, openMs, probeMs, jitter } = DEFAULT_BREAKER_OPTIONS;

/** What every breaker does, wherever it keeps what it knows. */
export function breakerSuite(open: () => BreakerUnderTest | Promise<BreakerUnderTest>): void {
  test("lets everybody through while the service is well, and nobody waits for that", async () => {
    const { breaker } = await open();
    for (let n = 0; n < 50; n++) {
      const decision = breaker.admit();
      expect(decision).not.toBeInstanceOf(Promise);
      admitted(decision as Decision).report("success");
    }
    expect(breaker.kind()).toBe("closed");
  });

  test("so many failures in a row open it, and a refusal says for how long", async () => {
    const target = await open();
    await calls(target, "failure", failureThreshold - 1);
    expect(target.breaker.kind()).toBe("closed");
    await calls(target, "failure", 1);
    expect(target.breaker.kind()).toBe("open");
    const { retryAfterMs } = refused(await target.breaker.admit());
    expect(retryAfterMs).toBeGreaterThanOrEqual(openMs * (1 - jitter));
    expect(retryAfterMs).toBeLessThanOrEqual(openMs);
    expect(target.changes).toEqual([["closed", "open", expect.any(Number)]]);
  });

  test("a success ends a row", async () => {
    const target = await open();
    for (let n = 0; n < 2; n++) {
      await calls(target, "failure", failureThreshold - 1);
      await calls(target, "success", failureThreshold);
    }
    expect(target.breaker.kind()).toBe("closed");
  });

  test("what a client has caused counts for nothing", async () => {
    const target = await open();
    await calls(target, "neutral", 100);
    expect(target.breaker.kind()).toBe("closed");
  });

  test("half of enough calls opens it, without any row", async () => {
    const target = await open();
    await calls(target, "success", 10);
    await calls(target, "suspect", 9);
    expect(target.breaker.kind()).toBe("closed");
    await calls(target, "suspect", 1);
    expect(target.breaker.kind()).toBe("open");
  });

  test("after the open time one call is the probe, and nobody beside it goes through", async () => {
    const target = await opened(open);
    target.advance(openMs);
    const probe = admitted(await target.breaker.admit());
    expect(probe.isProbe).toBe(true);
    expect(target.breaker.kind()).toBe("half-open");
    expect(refused(await target.breaker.admit()).retryAfterMs).toBeGreaterThan(0);
    probe.report("neutral");
    await target.settle();
  });

  test("a probe that succeeds closes it for everybody", async () => {
    const target = await opened(open);
    target.advance(openMs);
    admitted(await target.breaker.admit()).report("success");
    expect(target.breaker.kind()).toBe("closed");
    await target.settle();
    const decision = target.breaker.admit();
    expect(decision).toMatchObject({ admitted: true, isProbe: false });
    expect(target.changes.map(([from, to]) => `${from} > ${to}`)).toEqual([
      "closed > open",
      "open > half-open",
      "half-open > closed",
    ]);
  });

  test.each(["failure", "suspect"] as const)("a probe that ends with a %s opens it for longer", async (outcome) => {
    const target = await opened(open);
    target.advance(openMs);
    admitted(await target.breaker.admit()).report(outcome);
    await target.settle();
    const { retryAfterMs } = refused(await target.breaker.admit());
    expect(retryAfterMs).toBeGreaterThanOrEqual(2 * openMs * (1 - jitter));
    expect(retryAfterMs).toBeLessThanOrEqual(2 * openMs);
  });

  test("a probe whose client went away leaves the place to the next call", async () => {
    const target = await opened(open);
    target.advance(openMs);
    admitted(await target.breaker.admit()).report("neutral");
    await target.settle();
    const next = admitted(await target.breaker.admit());
    expect(next.isProbe).toBe(true);
    next.report("success");
    await target.settle();
    expect(target.breaker.kind()).toBe("closed");
  });

  test("a probe that never reports is lost, and its late report counts for nothing", async () => {
    const target = await opened(open);
    target.advance(openMs);
    const lost = admitted(await target.breaker.admit());
    target.advance(probeMs);
    const next = admitted(await target.breaker.admit());
    expect(next.isProbe).toBe(true);
    lost.report("success");
    await target.settle();
    expect(target.breaker.kind()).toBe("half-open");
    next.report("success");
    await target.settle();
    expect(target.breaker.kind()).toBe("closed");
  });

  test("calls from before it opened say nothing afterwards: a service that is back is not shut again", async () => {
    const target = await open();
    const early = await Promise.all(Array.from({ length: 20 }, async () => admitted(await target.breaker.admit())));
    await calls(target, "failure", failureThreshold);
    target.advance(openMs);
    admitted(await target.breaker.admit()).report("success");
    await target.settle();
    for (const { report } of early) report("failure");
    await target.settle();
    expect(target.breaker.kind()).toBe("closed");
  });
}

/** A breaker that has just opened. */
async function opened(open: () => BreakerUnderTest | Promise<BreakerUnderTest>): Promise<BreakerUnderTest> {
  const target = await open();
  await calls(target, "failure", failureThreshold);
  expect(target.breaker.kind()).toBe("open");
  return target;
}

/** So many calls, one after the other, that all end so. */
export async function calls({ breaker, settle }: BreakerUnderTest, outcome: Outcome, count: number): Promise<void> {
  for (let n = 0; n < count; n++) admitted(await breaker.admit()).report(outcome);
  await settle();
}

export function admitted(decision: Decision): Admitted {
  if (!decision.admitted) expect.fail(`refused for ${decision.retryAfterMs} ms`);
  return decision;
}

export function refused(decision: Decision): Refused {
  if (decision.admitted) expect.fail("admitted");
  return decision;
}
