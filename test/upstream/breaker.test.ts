import { describe, expect, test } from "vitest";
import {
  admit,
  type BreakerOptions,
  type BreakerState,
  INITIAL_BREAKER_STATE,
  type Outcome,
  type Permit,
  report,
} from "#src/upstream/breaker.ts";

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
    ["half-open: nobody beside the probe", halfOpen(6_000), 1_001, { admitted: false, retryAfterMs: 4_999 }],
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
