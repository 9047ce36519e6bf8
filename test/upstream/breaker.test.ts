import { describe, expect, test } from "vitest";
import {
  admit,
  type BreakerOptions,
  type BreakerState,
  breakerOptionsOf,
  DEFAULT_BREAKER_OPTIONS,
  type HalfOpen,
  INITIAL_BREAKER_STATE,
  type Permit,
  report,
  reportTally,
  type Slot,
} from "#src/upstream/breaker.ts";
import type { Outcome } from "#src/upstream/tally.ts";
import { tallyOf } from "../support/tally-of.ts";

const OPTIONS: BreakerOptions = {
  failureThreshold: 3,
  failureRate: 0.5,
  minimumCalls: 6,
  windowMs: 10_000,
  openMs: 1_000,
  maxOpenMs: 8_000,
  jitter: 0.5,
  probeMs: 5_000,
};

const closed = (consecutiveFailures: number, epoch = 0): BreakerState => ({
  kind: "closed",
  epoch,
  consecutiveFailures,
  window: [],
});
const open = (untilMs: number, openings = 1, epoch = 1): BreakerState => ({ kind: "open", epoch, untilMs, openings });
const halfOpen = (probeUntilMs: number, openings = 1, epoch = 2): BreakerState => ({
  kind: "half-open",
  epoch,
  openings,
  probeUntilMs,
});

describe("admit", () => {
  const rows: [why: string, state: BreakerState, nowMs: number, expected: object][] = [
    ["closed: everybody", closed(2), 0, { admitted: true, permit: { kind: "call", epoch: 0 } }],
    ["open: nobody, and says for how long", open(1_000), 400, { admitted: false, retryAfterMs: 600 }],
    ["open to its last millisecond", open(1_000), 999, { admitted: false, retryAfterMs: 1 }],
    [
      "open time over: the first that asks is the probe",
      open(1_000, 2, 7),
      1_000,
      { admitted: true, permit: { kind: "probe", epoch: 8 }, state: halfOpen(6_000, 2, 8) },
    ],
    ["the clock is set back by a day: over", open(86_400_000), 0, { admitted: true, permit: { kind: "probe" } }],
    ["the longest open time is no sign of that", open(8_000), 0, { admitted: false, retryAfterMs: 8_000 }],
    ["half-open: nobody beside the probe", halfOpen(6_000), 5_400, { admitted: false, retryAfterMs: 600 }],
    ["half-open: it is tried now, however long that may take", halfOpen(6_000), 1_001, { retryAfterMs: 1_000 }],
    ["half-open when the clock is set back: lost", halfOpen(86_400_000), 0, { permit: { kind: "probe" } }],
    [
      "half-open with a lost probe: another may try, and the lost one's report will not count",
      halfOpen(6_000, 3, 8),
      6_000,
      { admitted: true, permit: { kind: "probe", epoch: 9 }, state: halfOpen(11_000, 3, 9) },
    ],
  ];
  test.each(rows)("%s", (_why, state, nowMs, expected) => {
    expect(admit(state, nowMs, OPTIONS)).toMatchObject(expected);
  });

  test("a refusal changes nothing", () => {
    const state = open(1_000);
    expect(admit(state, 0, OPTIONS).state).toBe(state);
  });
});

describe("report", () => {
  const call = (epoch: number): Permit => ({ kind: "call", epoch });
  const probe = (epoch: number): Permit => ({ kind: "probe", epoch });
  const rows: [why: string, state: BreakerState, permit: Permit, outcome: Outcome, random: number, expected: object][] =
    [
      ["a failure is counted", closed(0), call(0), "failure", 0, { kind: "closed", consecutiveFailures: 1 }],
      ["a success ends the row", closed(2), call(0), "success", 0, { kind: "closed", consecutiveFailures: 0 }],
      ["what the client caused changes nothing", closed(2), call(0), "neutral", 0, closed(2)],
      ["perhaps the caller's doing: no part of a row", closed(2), call(0), "suspect", 0, { consecutiveFailures: 2 }],
      ["the threshold opens it", closed(2), call(0), "failure", 0, { kind: "open", untilMs: 101_000, openings: 1 }],
      ["jitter shortens the open time", closed(2), call(0), "failure", 1, { kind: "open", untilMs: 100_500 }],
      ["a report from before the last change is late", closed(2, 4), call(2), "failure", 0, closed(2, 4)],
      ["open: calls under way since before say nothing", open(200_000), call(0), "success", 0, open(200_000)],
      ["half-open: only the probe counts", halfOpen(105_000), call(0), "failure", 0, halfOpen(105_000)],
      ["the probe succeeds: closed, nothing remembered", halfOpen(105_000, 3), probe(2), "success", 0, closed(0, 3)],
      [
        "the probe fails: open twice as long",
        halfOpen(105_000, 1),
        probe(2),
        "failure",
        0,
        { kind: "open", untilMs: 102_000, openings: 2 },
      ],
      ["a suspect probe is no proof of health", halfOpen(105_000, 1), probe(2), "suspect", 0, { kind: "open" }],
      ["a lost probe's late report", halfOpen(105_000, 1, 5), probe(4), "success", 0, halfOpen(105_000, 1, 5)],
      [
        "the open time has a maximum",
        halfOpen(105_000, 9),
        probe(2),
        "failure",
        0,
        { kind: "open", untilMs: 108_000, openings: 10 },
      ],
      ["however often it opened", halfOpen(105_000, 5_000), probe(2), "failure", 0, { untilMs: 108_000 }],
    ];
  test.each(rows)("%s", (_why, state, permit, outcome, random, expected) => {
    expect(report(state, permit, outcome, 100_000, OPTIONS, random)).toMatchObject(expected);
  });

  test("a probe whose client went away leaves the place to the next call", () => {
    const after = report(halfOpen(105_000), probe(2), "neutral", 100_000, OPTIONS, 0);
    expect(admit(after, 100_000, OPTIONS)).toMatchObject({ admitted: true, permit: { kind: "probe" } });
  });
});

describe("reportTally", () => {
  const NOW = 100_500;
  const recently = [{ startMs: 97_000, calls: 1, failures: 1 }];
  const seen = (consecutiveFailures: number, window: readonly Slot[] = recently, epoch = 4): BreakerState => ({
    kind: "closed",
    epoch,
    consecutiveFailures,
    window,
  });
  const rows: [why: string, state: BreakerState, epoch: number | undefined, outcomes: string, expected: object][] = [
    ["adds to the row of somebody else", seen(1), 4, "x", { kind: "closed", consecutiveFailures: 2 }],
    ["whose last one opens it", seen(2), 4, "x", { kind: "open", epoch: 5, openings: 1, untilMs: NOW + 1_000 }],
    ["opens it alone", seen(0, []), 4, "xxx", { kind: "open" }],
    ["with a success in it, begins a row", seen(2), 4, "+x", { kind: "closed", consecutiveFailures: 1 }],
    ["of successes ends the row", seen(2), 4, "++", { kind: "closed", consecutiveFailures: 0 }],
    ["counts in the rate", seen(0, []), 4, "++---+", { kind: "open" }],
    ["adds to the rate of others", seen(0, [{ startMs: 99_000, calls: 4, failures: 2 }]), 4, "-+", { kind: "open" }],
    [
      "finds a row over that nobody has added to within the window",
      seen(2, [{ startMs: 90_000, calls: 2, failures: 2 }]),
      4,
      "x",
      { kind: "closed", consecutiveFailures: 1, window: [{ startMs: 100_000, calls: 1, failures: 1 }] },
    ],
    ["of nothing changes nothing", seen(2), 4, "00", seen(2)],
    ["from before the last change is late", seen(2), 3, "x", seen(2)],
    ["from another breaker's future is not believed", seen(2), 5, "x", seen(2)],
    ["of somebody who does not know yet counts", seen(2), undefined, "x", { kind: "open" }],
    ["says nothing to an open breaker", open(200_000), 1, "+++", open(200_000)],
    ["nor to a half-open one", halfOpen(105_000), 2, "xxx", halfOpen(105_000)],
  ];
  test.each(rows)("%s", (_why, state, epoch, outcomes, expected) => {
    expect(reportTally(state, epoch, tallyOf(outcomes), NOW, OPTIONS, 0)).toMatchObject(expected);
  });
});

describe("every option decides something", () => {
  const failing = (count: number): readonly Slot[] => [{ startMs: 99_000, calls: 5, failures: count }];
  const permit: Permit = { kind: "call", epoch: 0 };
  const fail = (state: BreakerState, options: BreakerOptions, random = 0) =>
    report(state, permit, "failure", 100_000, options, random);
  const suspect = (state: BreakerState, options: BreakerOptions) =>
    report(state, permit, "suspect", 100_000, options, 0);
  const reopen = (state: HalfOpen, options: BreakerOptions) =>
    report(state, { kind: "probe", epoch: 2 }, "failure", 100_000, options, 0);
  const kindOf = ({ kind }: BreakerState) => kind;
  const openFor = (state: BreakerState) => (state.kind === "open" ? state.untilMs - 100_000 : state);
  const five = (failures: number): BreakerState => ({ ...closed(0), window: failing(failures) }) as BreakerState;

  // An option without a row does not compile.
  const rows: {
    readonly [Name in keyof BreakerOptions]: readonly [
      what: string,
      run: (options: BreakerOptions) => unknown,
      asIs: unknown,
      changed: BreakerOptions[Name],
      then: unknown,
    ];
  } = {
    failureThreshold: ["the third failure in a row", (o) => kindOf(fail(closed(2), o)), "open", 4, "closed"],
    failureRate: ["three bad calls of six", (o) => kindOf(suspect(five(2), o)), "open", 0.6, "closed"],
    minimumCalls: ["six calls, all bad", (o) => kindOf(suspect(five(5), o)), "open", 7, "closed"],
    windowMs: ["five bad calls, a second ago", (o) => kindOf(suspect(five(5), o)), "open", 1_000, "closed"],
    openMs: ["the first opening", (o) => openFor(fail(closed(2), o)), 1_000, 300, 300],
    maxOpenMs: ["the fifth opening", (o) => openFor(reopen(halfOpen(105_000, 4) as HalfOpen, o)), 8_000, 5_000, 5_000],
    jitter: ["an opening at random's most", (o) => openFor(fail(closed(2), o, 1)), 500, 0.1, 900],
    probeMs: [
      "an open time that is over",
      (o) => admit(open(100_000), 100_000, o).state,
      halfOpen(105_000),
      2_000,
      halfOpen(102_000),
    ],
  };
  test.each(Object.entries(rows))("%s", (name, [what, run, asIs, changed, then]) => {
    expect(run(OPTIONS), what).toEqual(asIs);
    expect(run({ ...OPTIONS, [name]: changed }), `${what}, with ${name} ${changed}`).toEqual(then);
  });
});

describe("what the operator decides", () => {
  test("the defaults are the contract's", () => {
    const limits = { breakerFailureThreshold: 5, breakerMaxOpenMs: 60_000 };
    expect(breakerOptionsOf(limits)).toEqual(DEFAULT_BREAKER_OPTIONS);
  });

  test("an open time below the first one is the first one", () => {
    const limits = { breakerFailureThreshold: 5, breakerMaxOpenMs: 200 };
    expect(breakerOptionsOf(limits)).toMatchObject({ openMs: 200, maxOpenMs: 200 });
  });

  test("patience with failures in a row is patience with the rate, too", () => {
    const limits = { breakerFailureThreshold: 1_000, breakerMaxOpenMs: 60_000 };
    expect(breakerOptionsOf(limits)).toMatchObject({ failureThreshold: 1_000, minimumCalls: 4_000 });
  });
});

describe("the failure rate", () => {
  /** One outcome each 100 ms: `+` success, `-` suspect, which is no part of a row. */
  function run(outcomes: string, stepMs = 100): BreakerState {
    let state: BreakerState = INITIAL_BREAKER_STATE;
    [...outcomes].forEach((mark, index) => {
      const permit: Permit = { kind: "call", epoch: 0 };
      state = report(state, permit, mark === "+" ? "success" : "suspect", index * stepMs, OPTIONS, 0);
    });
    return state;
  }
  const rows: [why: string, outcomes: string, stepMs: number, kind: BreakerState["kind"]][] = [
    ["too few calls to tell", "-----", 100, "closed"],
    ["half of enough calls failed", "+-+-+-", 100, "open"],
    ["less than half failed", "++-+-++-+-++", 100, "closed"],
    ["failures that have left the window do not count", "---++++++", 4_000, "closed"],
  ];
  test.each(rows)("%s", (_why, outcomes, stepMs, kind) => {
    expect(run(outcomes, stepMs).kind).toBe(kind);
  });

  test("the window stays small whatever the traffic", () => {
    let state: BreakerState = INITIAL_BREAKER_STATE;
    for (let index = 0; index < 5_000; index++) {
      state = report(state, { kind: "call", epoch: 0 }, "success", index * 50, OPTIONS, 0);
    }
    expect(state.kind === "closed" && state.window.length).toBeLessThanOrEqual(10);
  });

  test("a clock that goes back does not keep slots of the future", () => {
    const before = report(INITIAL_BREAKER_STATE, { kind: "call", epoch: 0 }, "success", 50_000, OPTIONS, 0);
    const after = report(before, { kind: "call", epoch: 0 }, "success", 10_000, OPTIONS, 0);
    expect(after.kind === "closed" && after.window).toEqual([{ startMs: 10_000, calls: 1, failures: 0 }]);
  });
});

test("a state survives being stored as JSON between any two steps", () => {
  const states = [closed(1), open(1_000), halfOpen(5_000)];
  for (const state of states) expect(JSON.parse(JSON.stringify(state))).toEqual(state);
});
