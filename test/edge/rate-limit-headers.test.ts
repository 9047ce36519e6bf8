import { describe, expect, test } from "vitest";
import type { RateLimit, Standing } from "#src/admission/admission-store.ts";
import { rateLimitHeaders } from "#src/edge/rate-limit-headers.ts";

const ACCOUNT: RateLimit = { name: "account", quota: 10, windowMs: 60_000 };
const ADDRESS: RateLimit = { name: "sign-in", quota: 100, windowMs: 60_000 };
const ALL: RateLimit = { name: "sign-in-total", quota: 1000, windowMs: 60_000, shared: true };

function standing(limit: RateLimit, remaining: number, changes: Partial<Standing> = {}): Standing {
  return { limit, allowed: true, remaining, resetInMs: 30_000, ...changes };
}

describe("the headers of limits", () => {
  test("are the draft's structured fields, and today's of the nearest limit", () => {
    expect(rateLimitHeaders([standing(ACCOUNT, 9), standing(ADDRESS, 5), standing(ALL, 1)])).toEqual({
      RateLimit: '"account";r=9;t=31, "sign-in";r=5;t=31',
      "RateLimit-Policy": '"account";q=10;w=60, "sign-in";q=100;w=60',
      "X-RateLimit-Limit": "100",
      "X-RateLimit-Remaining": "5",
      "X-RateLimit-Reset": "31",
    });
  });

  test("show the limit that refuses before one that has less left", () => {
    const over = standing(ADDRESS, 0, { allowed: false });
    expect(rateLimitHeaders([standing(ACCOUNT, 0), over])).toMatchObject({ "X-RateLimit-Limit": "100" });
    expect(rateLimitHeaders([over, standing(ACCOUNT, 0)])).toMatchObject({ "X-RateLimit-Limit": "100" });
  });

  test("say nothing of what is everybody's", () => {
    expect(rateLimitHeaders([standing(ALL, 0, { allowed: false })])).toEqual({});
    expect(rateLimitHeaders([])).toEqual({});
  });

  test.each([
    [0.5, 1],
    [1, 1],
    [999, 1],
    [1000, 2],
    [59_999.25, 61],
    [60_000, 61],
  ])("%d ms until the window is over are %i seconds to wait: never too few, and never none", (resetInMs, seconds) => {
    const headers = rateLimitHeaders([standing(ACCOUNT, 0, { resetInMs })]);
    expect(headers["X-RateLimit-Reset"]).toBe(String(seconds));
  });

  test("name a window of less than a second as one", () => {
    const headers = rateLimitHeaders([standing({ ...ACCOUNT, windowMs: 250 }, 1)]);
    expect(headers["RateLimit-Policy"]).toBe('"account";q=10;w=1');
  });
});
