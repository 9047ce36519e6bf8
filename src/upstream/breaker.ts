import { type Outcome, type Tally, tallyOf } from "./tally.ts";

/**
 * The circuit breaker of one service as a pure machine: state, event and time in, state out. The same functions decide
 * in a Node process and, for Workers, in a Durable Object. A state is plain data, so that it can be stored and put back.
 */

/** Where a breaker stands. Each state has what it needs and nothing else. */
export type BreakerState = Closed | Open | HalfOpen;

/** Calls go through; what they end with is watched. */
export interface Closed {
  readonly kind: "closed";
  /** Counts the times that the breaker changed its state, so that a late report is known by its permit. */
  readonly epoch: number;
  readonly consecutiveFailures: number;
  /** The last seconds, oldest first; those that have left the window go with the next report. */
  readonly window: readonly Slot[];
}

/** No call goes through until `untilMs`. */
export interface Open {
  readonly kind: "open";
  readonly epoch: number;
  readonly untilMs: number;
  /** How often it has opened since it was last closed: the open time doubles with each. */
  readonly openings: number;
}

/** One call of real traffic is under way to find out whether the service is back. */
export interface HalfOpen {
  readonly kind: "half-open";
  readonly epoch: number;
  readonly openings: number;
  /** A probe that has not reported by then is lost (its process ended), and another call may be the probe. */
  readonly probeUntilMs: number;
}

/** How many calls ended in one second, and how many of them badly. */
export interface Slot {
  readonly startMs: number;
  readonly calls: number;
  readonly failures: number;
}

/** Leave to make one call; it goes back with the call's outcome. */
export interface Permit {
  readonly kind: "call" | "probe";
  readonly epoch: number;
}

export interface BreakerOptions {
  /** So many failures in a row open it. At least 1. */
  readonly failureThreshold: number;
  /** This share of the calls in the window opens it, 0 to 1, … */
  readonly failureRate: number;
  /** … if there were at least so many. */
  readonly minimumCalls: number;
  /** What the rate looks back on. A multiple of 1000. */
  readonly windowMs: number;
  /** The first open time. */
  readonly openMs: number;
  /** The longest open time, jitter included. */
  readonly maxOpenMs: number;
  /** How much of the open time is random, 0 to 1: instances must not all probe at once. */
  readonly jitter: number;
  /** How long the one probe may take. */
  readonly probeMs: number;
}

/** Envoy and Linkerd trip at 5 to 7 in a row; the rate is resilience4j's, over a shorter window. */
export const DEFAULT_BREAKER_OPTIONS: BreakerOptions = {
  failureThreshold: 5,
  failureRate: 0.5,
  minimumCalls: 20,
  windowMs: 10_000,
  openMs: 1_000,
  maxOpenMs: 60_000,
  jitter: 0.5,
  probeMs: 10_000,
};

/** The two things that an operator may decide. */
export interface BreakerLimits {
  readonly breakerFailureThreshold: number;
  readonly breakerMaxOpenMs: number;
}

/**
 * The options with the operator's limits in them. Whoever has more patience with failures in a row has it with the rate,
 * too: it is judged on no fewer than four times as many calls.
 */
export function breakerOptionsOf({ breakerFailureThreshold, breakerMaxOpenMs }: BreakerLimits): BreakerOptions {
  const { minimumCalls, openMs } = DEFAULT_BREAKER_OPTIONS;
  return {
    ...DEFAULT_BREAKER_OPTIONS,
    failureThreshold: breakerFailureThreshold,
    minimumCalls: Math.max(minimumCalls, 4 * breakerFailureThreshold),
    openMs: Math.min(openMs, breakerMaxOpenMs),
    maxOpenMs: breakerMaxOpenMs,
  };
}

const SLOT_MS = 1_000;

/** Closed, with nothing seen. */
export const INITIAL_BREAKER_STATE: Closed = { kind: "closed", epoch: 0, consecutiveFailures: 0, window: [] };

/** What `admit` says to one call. */
export type Admission =
  | { readonly admitted: true; readonly state: BreakerState; readonly permit: Permit }
  | { readonly admitted: false; readonly state: BreakerState; readonly retryAfterMs: number };

/** Asks for leave to make a call. After an open time has passed, the first that asks becomes the probe. */
export function admit(state: BreakerState, nowMs: number, options: BreakerOptions): Admission {
  switch (state.kind) {
    case "closed":
      return { admitted: true, state, permit: { kind: "call", epoch: state.epoch } };
    case "open": {
      const leftMs = timeLeft(state.untilMs, nowMs, options.maxOpenMs);
      return leftMs > 0 ? { admitted: false, state, retryAfterMs: leftMs } : probe(state, nowMs, options);
    }
    case "half-open": {
      const leftMs = timeLeft(state.probeUntilMs, nowMs, options.probeMs);
      if (leftMs <= 0) return probe(state, nowMs, options);
      // It is being tried now. That the probe may take long is no reason to keep a client away for so long.
      return { admitted: false, state, retryAfterMs: Math.min(leftMs, options.openMs) };
    }
  }
}

/** Longer than it can be means that the clock was set back: over, or a jump of a day would keep a service shut for one. */
function timeLeft(untilMs: number, nowMs: number, mostMs: number): number {
  const leftMs = untilMs - nowMs;
  return leftMs > mostMs ? 0 : leftMs;
}

function probe({ epoch, openings }: Open | HalfOpen, nowMs: number, { probeMs }: BreakerOptions): Admission {
  const state: HalfOpen = { kind: "half-open", epoch: epoch + 1, openings, probeUntilMs: nowMs + probeMs };
  return { admitted: true, state, permit: { kind: "probe", epoch: state.epoch } };
}

/**
 * Tells what a call ended with. `random` is 0 to 1 and decides the jitter. A permit of another epoch is from before
 * the last change: a call that was under way when the breaker opened says nothing about the service now.
 */
export function report(
  state: BreakerState,
  permit: Permit,
  outcome: Outcome,
  nowMs: number,
  options: BreakerOptions,
  random: number,
): BreakerState {
  if (permit.epoch !== state.epoch) return state;
  switch (state.kind) {
    case "open":
      return state;
    case "closed":
      return outcome === "neutral" ? state : watch(state, tallyOf(outcome), nowMs, options, random);
    case "half-open":
      return judgeProbe(state, outcome, nowMs, options, random);
  }
}

/**
 * Tells what calls elsewhere ended with, since whoever made them reported last. They were made while the breaker was in
 * its state number `epoch`; undefined if the reporter did not know yet.
 *
 * Those whose calls end well do not report at once, so a row that nobody has added to within the window is over.
 */
export function reportTally(
  state: BreakerState,
  epoch: number | undefined,
  tally: Tally,
  nowMs: number,
  options: BreakerOptions,
  random: number,
): BreakerState {
  if (state.kind !== "closed" || tally.calls === 0) return state;
  if (epoch !== undefined && epoch !== state.epoch) return state;
  const window = recent(state.window, nowMs, options.windowMs);
  const rowIsOver = window.every(({ failures }) => failures === 0);
  return watch(rowIsOver ? { ...state, consecutiveFailures: 0 } : state, tally, nowMs, options, random);
}

function watch(state: Closed, tally: Tally, nowMs: number, options: BreakerOptions, random: number): BreakerState {
  const consecutiveFailures = tally.rowBegan ? tally.row : state.consecutiveFailures + tally.row;
  const window = addToWindow(recent(state.window, nowMs, options.windowMs), tally, nowMs);
  const tripped = consecutiveFailures >= options.failureThreshold || isBad(window, options);
  if (tripped) return open(state.epoch, 1, nowMs, options, random);
  return { ...state, consecutiveFailures, window };
}

function judgeProbe(
  state: HalfOpen,
  outcome: Outcome,
  nowMs: number,
  options: BreakerOptions,
  random: number,
): BreakerState {
  switch (outcome) {
    case "success":
      return { ...INITIAL_BREAKER_STATE, epoch: state.epoch + 1 };
    case "neutral":
      // It found nothing out: the next call that asks is the probe.
      return { ...state, epoch: state.epoch + 1, probeUntilMs: nowMs };
    case "failure":
    case "suspect":
      return open(state.epoch, state.openings + 1, nowMs, options, random);
  }
}

function open(epoch: number, openings: number, nowMs: number, options: BreakerOptions, random: number): Open {
  const { openMs, maxOpenMs, jitter } = options;
  // From 31 doublings on the product would be beyond any maximum that makes sense, and at last infinite.
  const base = Math.min(maxOpenMs, openMs * 2 ** Math.min(openings - 1, 30));
  const untilMs = nowMs + Math.round(base * (1 - jitter * random));
  return { kind: "open", epoch: epoch + 1, untilMs, openings };
}

/** The slots that the window still sees. A clock that was set back leaves none in the future. */
function recent(window: readonly Slot[], nowMs: number, windowMs: number): readonly Slot[] {
  const startMs = slotStart(nowMs);
  return window.filter((slot) => slot.startMs > startMs - windowMs && slot.startMs <= startMs);
}

function addToWindow(window: readonly Slot[], { calls, failures }: Tally, nowMs: number): readonly Slot[] {
  const startMs = slotStart(nowMs);
  const last = window.at(-1);
  if (last?.startMs !== startMs) return [...window, { startMs, calls, failures }];
  const slot = { startMs, calls: last.calls + calls, failures: last.failures + failures };
  return [...window.slice(0, -1), slot];
}

function slotStart(nowMs: number): number {
  return nowMs - (nowMs % SLOT_MS);
}

function isBad(window: readonly Slot[], { minimumCalls, failureRate }: BreakerOptions): boolean {
  let calls = 0;
  let failures = 0;
  for (const slot of window) {
    calls += slot.calls;
    failures += slot.failures;
  }
  return calls >= minimumCalls && failures / calls >= failureRate;
}
