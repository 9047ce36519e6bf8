import { expect, test } from "vitest";
import { sessionTimes } from "#src/identity/session-store.ts";

const DAY_SECONDS = 86_400;

test.each([
  [0.25 / 24, 7 + 0.25 / 24, 1, "a lifetime of 15 minutes: tokens of a day from before still pass"],
  [1, 8, 1, "the default"],
  [31, 38, 31, "the longest: a session is not idle while its access token lives"],
])(
  "access tokens of %d days: idle after %d, revoked for %d and what clocks may differ by (%s)",
  (days, idleDays, revokedDays) => {
    const { idleMs, revokedForMs } = sessionTimes(days * DAY_SECONDS);
    expect([idleMs, revokedForMs]).toEqual([idleDays * DAY_SECONDS * 1000, (revokedDays * DAY_SECONDS + 90) * 1000]);
  },
);
