/** How late the event loop may be before requests are turned away: more than any healthy request takes in all. */
const TARGET_LATENESS_MS = 50;
const TICK_MS = 50;
/** How much of the traffic is turned away more, with each tick that is late, and less, with each that is not. */
const STEP_UP = 0.05;
const STEP_DOWN = 0.02;
/** Something always gets through: it is how the process learns that it can breathe again. */
const MAX_SHARE = 0.95;

/** The share of requests to turn away after a tick that came so late. */
export function nextShare(share: number, latenessMs: number): number {
  if (latenessMs > TARGET_LATENESS_MS) return Math.min(MAX_SHARE, share + STEP_UP);
  return Math.max(0, share - STEP_DOWN);
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
  let share = 0;
  let dueAtMs = performance.now() + TICK_MS;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    share = nextShare(share, nowMs - dueAtMs);
    dueAtMs = nowMs + TICK_MS;
  }, TICK_MS);
  // It must not keep a process that has nothing else to do.
  timer.unref();
  return {
    shouldShed: () => share > 0 && random() < share,
    stop: () => clearInterval(timer),
  };
}
