import { describe, expect, onTestFinished, test, vi } from "vitest";
import { nextShare, startOverloadGuard } from "#src/node/overload.ts";

describe("the share of requests that is turned away", () => {
  test.each([
    [0, 0, 0, "all is well"],
    [0, 50, 0, "as late as it may be"],
    [0, 51, 0.05, "late: a few"],
    [0.5, 200, 0.55, "still late: more"],
    [0.94, 5_000, 0.95, "never all of them"],
    [0.5, 10, 0.48, "not late any more: slowly fewer"],
    [0.01, 0, 0, "and at last none"],
  ])("%f after %i ms is %f: %s", (share, latenessMs, expected) => {
    expect(nextShare(share, latenessMs)).toBeCloseTo(expected, 10);
  });

  test("ends where as many come as can be served", () => {
    // Three times what can be served: while less than two thirds are turned away, the loop is late.
    let share = 0;
    const seen: number[] = [];
    for (let tick = 0; tick < 1_000; tick++) {
      share = nextShare(share, share < 2 / 3 ? 100 : 0);
      if (tick > 100) seen.push(share);
    }
    expect(Math.min(...seen)).toBeGreaterThan(0.6);
    expect(Math.max(...seen)).toBeLessThan(0.75);
  });
});

describe("a process", () => {
  const start = (random: () => number) => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const guard = startOverloadGuard(random);
    onTestFinished(() => guard.stop());
    return guard;
  };
  /** As a loop that is blocked: the clock goes on, and the timer comes when it can. */
  const block = (ms: number) => {
    vi.setSystemTime(Date.now() + ms);
    const now = performance.now() + ms;
    const clock = vi.spyOn(performance, "now").mockReturnValue(now);
    vi.advanceTimersToNextTimer();
    clock.mockRestore();
  };

  test("that keeps up turns nobody away", () => {
    const { shouldShed } = start(() => 0);
    vi.advanceTimersByTime(10_000);
    expect(shouldShed()).toBe(false);
  });

  test("that does not turns some away, and lets others through", () => {
    let luck = 0.04;
    const { shouldShed } = start(() => luck);
    block(200);
    expect(shouldShed()).toBe(true);
    luck = 0.06;
    expect(shouldShed()).toBe(false);
  });
});
