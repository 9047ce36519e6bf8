import { describe, expect, test } from "vitest";
import { GatewayError } from "#src/errors.ts";
import { createOpenStreams, MAX_STREAMS_PER_USER } from "#src/services/open-streams.ts";

const MINUTE_MS = 60_000;

function setUp() {
  let nowMs = 1_000_000;
  const open = createOpenStreams(() => nowMs);
  return {
    enter: (userId: string, lifeMs = MINUTE_MS) => open.enter(userId, nowMs + lifeMs),
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

function refusalOf(action: () => unknown): GatewayError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError);
    return error as GatewayError;
  }
  return expect.fail("it was let in");
}

describe("streams of one user", () => {
  test("are a few; the next is refused until one has ended, and somebody else's do not count", () => {
    const { enter } = setUp();
    const leave = Array.from({ length: MAX_STREAMS_PER_USER }, () => enter("usr_a"));
    const refusal = refusalOf(() => enter("usr_a"));
    expect(refusal).toMatchObject({ errorCode: "RATE_LIMIT_EXCEEDED", status: 429, retryAfterSeconds: 60 });
    enter("usr_b");
    leave[0]!();
    enter("usr_a");
    refusalOf(() => enter("usr_a"));
  });

  test("that have left twice free one place", () => {
    const { enter } = setUp();
    const [leave] = Array.from({ length: MAX_STREAMS_PER_USER }, () => enter("usr_a"));
    leave!();
    leave!();
    enter("usr_a");
    refusalOf(() => enter("usr_a"));
  });

  test("whose time is over hold no place, although nobody said so", () => {
    const { enter, pass } = setUp();
    enter("usr_a", 10_000);
    for (let n = 1; n < MAX_STREAMS_PER_USER; n++) enter("usr_a");
    expect(refusalOf(() => enter("usr_a")).retryAfterSeconds, "when the first of them ends").toBe(10);
    pass(10_000);
    enter("usr_a");
    refusalOf(() => enter("usr_a"));
  });

  test("a late word of one that was forgotten takes nobody's place away", () => {
    const { enter, pass } = setUp();
    const forgotten = enter("usr_a", 10);
    pass(10);
    const leave = Array.from({ length: MAX_STREAMS_PER_USER }, () => enter("usr_a"));
    forgotten();
    refusalOf(() => enter("usr_a"));
    for (const each of leave) each();
    enter("usr_a");
  });
});
