/** How late the event loop may be before requests are turned away: more than most requests take in all. */
const TARGET_LATENESS_MS = 50;
const TICK_MS = 50;
/** How much the pressure rises with each tick that is late, and falls with each that is not. */
const STEP_UP = 0.05;
const STEP_DOWN = 0.02;
/** Lateness that passes, a collection of garbage or somebody's large list, turns nobody away. */
const PATIENCE = 0.25;
/** Something always gets through: it is how the process learns that it can breathe again. */
const MAX_SHARE = 0.95;

/** The pressure after a tick that came so late. */
export function nextPressure(pressure: number, latenessMs: number): number {
  if (latenessMs > TARGET_LATENESS_MS) return Math.min(PATIENCE + MAX_SHARE, pressure + STEP_UP);
  return Math.max(0, pressure - STEP_DOWN);
}

/** The share of the requests that are turned away under this pressure. */
export function shareUnder(pressure: number): number {
  return Math.max(0, pressure - PATIENCE);
}

export interface OverloadGuard {
  /** Whether to turn away the request that has just come. */
  shouldShed(): boolean;
  stop(): void;
}

/**
 * Watches whether this process keeps up. Everything here shares one thread, so how late a timer comes is how long
 * everybody waits, whatever it is that takes the time. A share of the requests is turned away, more while the loop is
 * late and less when it is not: to turn away all or nothing would swing between both, and to count requests in flight
 * would blame this process for services that are slow.
 */
export function startOverloadGuard(random: () => number = Math.random): OverloadGuard {
  let pressure = 0;
  let dueAtMs = performance.now() + TICK_MS;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    pressure = nextPressure(pressure, nowMs - dueAtMs);
    dueAtMs = nowMs + TICK_MS;
  }, TICK_MS);
  // It must not keep a process that has nothing else to do.
  timer.unref();
  return {
    shouldShed: () => pressure > PATIENCE && random() < shareUnder(pressure),
    stop: () => clearInterval(timer),
  };
}
