import { describe, expect, test } from "vitest";
import { createOpenStreams, MAX_STREAMS_PER_USER } from "#src/services/open-streams.ts";

const MINUTE_MS = 60_000;

function setUp() {
  let nowMs = 1_000_000;
  const crowdedOut: string[] = [];
  const open = createOpenStreams(() => nowMs);
  return {
    crowdedOut,
    enter: (userId: string, name: string, lifeMs = MINUTE_MS) =>
      open.enter({ userId, untilMs: nowMs + lifeMs, crowdOut: () => crowdedOut.push(name) }),
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

const names = (count: number) => Array.from({ length: count }, (_, index) => String(index));

describe("streams of one user", () => {
  test("are a few: one more ends the first, and somebody else's do not count", () => {
    const { enter, crowdedOut } = setUp();
    for (const name of names(MAX_STREAMS_PER_USER)) enter("usr_a", name);
    enter("usr_b", "b");
    expect(crowdedOut).toEqual([]);
    enter("usr_a", "next");
    expect(crowdedOut).toEqual(["0"]);
    enter("usr_a", "after next");
    expect(crowdedOut).toEqual(["0", "1"]);
  });

  test("that have ended leave their places", () => {
    const { enter, crowdedOut } = setUp();
    const leave = names(MAX_STREAMS_PER_USER).map((name) => enter("usr_a", name));
    leave[3]!();
    leave[3]!();
    enter("usr_a", "next");
    expect(crowdedOut).toEqual([]);
    enter("usr_a", "after next");
    expect(crowdedOut, "one place, although it was left twice").toEqual(["0"]);
  });

  test("whose time is over hold no place, although nobody said so", () => {
    const { enter, crowdedOut, pass } = setUp();
    for (const name of names(MAX_STREAMS_PER_USER)) enter("usr_a", name);
    pass(MINUTE_MS);
    for (const name of names(MAX_STREAMS_PER_USER)) enter("usr_a", `later ${name}`);
    expect(crowdedOut).toEqual([]);
  });

  test("that were crowded out and end then take nobody's place away", () => {
    const { enter, crowdedOut } = setUp();
    const [leave] = names(MAX_STREAMS_PER_USER).map((name) => enter("usr_a", name));
    enter("usr_a", "next");
    leave!();
    enter("usr_a", "after next");
    expect(crowdedOut).toEqual(["0", "1"]);
  });
});
