import { describe, expect, onTestFinished, test, vi } from "vitest";
import { nextPressure, shareUnder, startOverloadGuard } from "#src/node/overload.ts";

describe("the pressure", () => {
  test.each([
    [0, 0, 0, "all is well"],
    [0, 50, 0, "as late as it may be"],
    [0, 51, 0.05, "late"],
    [0.5, 200, 0.55, "still late: more"],
    [1.18, 5_000, 1.2, "up to its end"],
    [0.5, 10, 0.48, "not late any more: slowly less"],
    [0.01, 0, 0, "and at last none"],
  ])("%f after %i ms is %f: %s", (pressure, latenessMs, expected) => {
    expect(nextPressure(pressure, latenessMs)).toBeCloseTo(expected, 10);
  });

  test.each([
    [0, 0, "nobody"],
    [0.25, 0, "nobody for what passes within a quarter of a second"],
    [0.5, 0.25, "some"],
    [1.2, 0.95, "never all of them"],
  ])("%f turns away %f: %s", (pressure, expected) => {
    expect(shareUnder(pressure)).toBeCloseTo(expected, 10);
  });

  test("ends where as many come as can be served", () => {
    // Three times what can be served: while less than two thirds are turned away, the loop is late.
    let pressure = 0;
    const seen: number[] = [];
    for (let tick = 0; tick < 1_000; tick++) {
      pressure = nextPressure(pressure, shareUnder(pressure) < 2 / 3 ? 100 : 0);
      if (tick > 100) seen.push(shareUnder(pressure));
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
  /** As a loop that is blocked: the clock has gone on for so long in all, and the timer comes when it can. */
  const block = (blockedMs: number) => {
    const clock = vi.spyOn(performance, "now").mockReturnValue(performance.now() + blockedMs);
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
    for (let tick = 1; tick <= 5; tick++) block(tick * 200);
    expect(shouldShed()).toBe(false);
    block(6 * 200);
    expect(shouldShed()).toBe(true);
    luck = 0.06;
    expect(shouldShed()).toBe(false);
  });
});
