import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { AdmissionStore, RateLimit, Standing } from "#src/admission/admission-store.ts";
import { retryAfterSeconds } from "#src/admission/sliding-window.ts";

export interface LimiterUnderTest {
  readonly store: AdmissionStore;
  /** Revokes a token, as a logout does. */
  revoke(tokenId: string, expiresAtSeconds: number): Promise<void>;
  close(): Promise<void>;
}

/** `now` is the time by which the store cuts its windows. */
export type OpenLimiter = (now: () => number) => Promise<LimiterUnderTest>;

const WINDOW_MS = 60_000;
const START_MS = Date.UTC(2030, 0, 2, 3, 4);

let subjectsSoFar = 0;

/** What every store of limits does. */
export function limiterSuite(open: OpenLimiter): void {
  let limiter: LimiterUnderTest;
  let nowMs = START_MS;
  let subject: string;
  beforeAll(async () => {
    limiter = await open(() => nowMs);
  });
  afterAll(() => limiter.close());
  beforeEach(() => {
    nowMs = START_MS;
    subjectsSoFar += 1;
    subject = `somebody-${subjectsSoFar}`;
  });

  const limitOf = (quota: number, changes: Partial<RateLimit> = {}): RateLimit => {
    return { name: "test", quota, windowMs: WINDOW_MS, ...changes };
  };
  const charge = async (limit: RateLimit, who = subject): Promise<Standing> => {
    const { standings, trouble } = await limiter.store.ask({ charges: [{ limit, subject: who }] });
    expect(trouble).toBeUndefined();
    return standings![0]!;
  };
  const chargeTimes = async (times: number, limit: RateLimit): Promise<number> => {
    let allowed = 0;
    for (let index = 0; index < times; index++) if ((await charge(limit)).allowed) allowed += 1;
    return allowed;
  };

  test("a subject has the quota and no more, and is told what is left", async () => {
    const limit = limitOf(3);
    const standings = [];
    for (let index = 0; index < 5; index++) standings.push(await charge(limit));
    expect(standings.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [true, 2],
      [true, 1],
      [true, 0],
      [false, 0],
      [false, 0],
    ]);
    for (const standing of standings) expect(standing.limit).toBe(limit);
  });

  test("200 charges at once, a quota of 5: five are allowed (R-16)", async () => {
    const limit = limitOf(5);
    const standings = await Promise.all(Array.from({ length: 200 }, () => charge(limit)));
    expect(standings.filter(({ allowed }) => allowed).length).toBe(5);
  });

  test("subjects do not count together, nor do limits of different names", async () => {
    await chargeTimes(2, limitOf(2));
    expect((await charge(limitOf(2), `${subject}-else`)).allowed).toBe(true);
    expect((await charge(limitOf(2, { name: "other" }))).allowed).toBe(true);
    expect((await charge(limitOf(2))).allowed).toBe(false);
  });

  test("what one limit refuses uses nothing up of those behind it, and all of those before it", async () => {
    const [before, strict, behind] = [limitOf(9, { name: "before" }), limitOf(1), limitOf(5, { name: "behind" })];
    const charges = [before, strict, behind].map((limit) => ({ limit, subject }));
    const remaining: unknown[] = [];
    for (let index = 0; index < 4; index++) {
      const { standings } = await limiter.store.ask({ charges });
      remaining.push(standings?.map((standing) => (standing.allowed ? standing.remaining : "over")));
    }
    expect(remaining).toEqual([
      [8, 0, 4],
      // As if it had counted.
      [7, "over", 3],
      [6, "over", 3],
      [5, "over", 3],
    ]);
    expect((await charge(behind)).remaining).toBe(3);
  });

  test("a question with many charges is answered in their order, each by itself", async () => {
    const strict = limitOf(1, { name: "strict" });
    await charge(strict);
    const charges = [limitOf(9), strict, limitOf(4, { name: "third" })].map((limit) => ({ limit, subject }));
    const { standings, revoked } = await limiter.store.ask({ charges });
    expect(standings?.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [true, 8],
      [false, 0],
      [true, 3],
    ]);
    expect(revoked).toBe(false);
  });

  test("a subject may be any text", async () => {
    for (const who of ["", " ", "a\nb\r\n", "ü".repeat(1000), "*", "a:b", "\u0000"]) {
      const one = { charges: [{ limit: limitOf(1), subject: `${subject}${who}` }] };
      expect((await limiter.store.ask(one)).standings?.[0]?.allowed, JSON.stringify(who)).toBe(true);
      expect((await limiter.store.ask(one)).standings?.[0]?.allowed, JSON.stringify(who)).toBe(false);
    }
  });

  describe("the window slides", () => {
    const rows: readonly (readonly [because: string, used: number, atMs: number, allowed: number])[] = [
      ["at the end of the same window all of it counts", 10, WINDOW_MS - 1, 0],
      ["at the first moment of the next all of it still counts", 10, WINDOW_MS, 0],
      ["a millisecond later the part that is over has come back", 10, WINDOW_MS + 1, 1],
      ["a tenth further one tenth has come back", 10, WINDOW_MS * 1.1, 1],
      ["and a little more than that the next", 10, WINDOW_MS * 1.1 + 1, 2],
      ["in the middle half of it", 10, WINDOW_MS * 1.5, 5],
      ["of a few, what is left of them is rounded down", 3, WINDOW_MS * 1.5, 9],
      ["at the end of the next next to nothing counts", 10, WINDOW_MS * 2 - 1, 10],
      ["the window after it knows nothing of the first", 10, WINDOW_MS * 2, 10],
      ["nor does any later one", 10, WINDOW_MS * 1000, 10],
    ];
    test.each(rows)("%s", async (_because, used, atMs, allowed) => {
      const limit = limitOf(10);
      expect(await chargeTimes(used, limit)).toBe(used);
      nowMs = START_MS + atMs;
      expect(await chargeTimes(12, limit)).toBe(allowed);
    });

    test("and no window of the clock has more than the quota, however the requests come", async () => {
      const limit = limitOf(7);
      const allowed = new Map<number, number>();
      for (let index = 0; index < 300; index++) {
        // In bursts, some of them across the border of two windows.
        nowMs += index % 9 === 0 ? 11_117 : 3;
        const window = Math.floor(nowMs / WINDOW_MS);
        if ((await charge(limit)).allowed) allowed.set(window, (allowed.get(window) ?? 0) + 1);
      }
      expect(allowed.size).toBeGreaterThan(3);
      for (const count of allowed.values()) expect(count).toBeLessThanOrEqual(7);
    });
  });

  describe("whoever is over the limit", () => {
    test.each([0, 1, 20_000, 59_000, 59_999])("and waits as told gets through, from %i ms on", async (sinceStartMs) => {
      const limit = limitOf(2);
      nowMs = START_MS + sinceStartMs;
      await chargeTimes(2, limit);
      const { allowed, resetInMs } = await charge(limit);
      expect([allowed, resetInMs]).toEqual([false, WINDOW_MS - sinceStartMs]);
      nowMs += retryAfterSeconds(resetInMs) * 1000;
      expect((await charge(limit)).allowed).toBe(true);
    });

    test("waits no longer for having tried again", async () => {
      const limit = limitOf(2);
      expect(await chargeTimes(50, limit)).toBe(2);
      nowMs += WINDOW_MS * 1.5;
      expect(await chargeTimes(50, limit)).toBe(1);
    });
  });

  describe("a token's revocation", () => {
    const ask = async (tokenId: string) => {
      const token = { tokenId, sessionId: `session-of-${tokenId}` };
      return (await limiter.store.ask({ charges: [{ limit: limitOf(9), subject }], token })).revoked;
    };

    test("is asked with the limits", async () => {
      expect(await ask(`${subject}-token`)).toBe(false);
      await limiter.revoke(`${subject}-token`, nowMs / 1000 + 60);
      expect(await ask(`${subject}-token`)).toBe(true);
      expect(await ask(`${subject}-other`)).toBe(false);
    });

    test("can be asked alone", async () => {
      await limiter.revoke(`${subject}-token`, nowMs / 1000 + 60);
      const token = { tokenId: `${subject}-token`, sessionId: undefined };
      expect(await limiter.store.ask({ charges: [], token })).toEqual({
        standings: [],
        revoked: true,
        acquainted: false,
      });
    });
  });

  test("an acquaintance is remembered, and no other", async () => {
    const acquaintance = `${subject} from here`;
    const ask = async (who: string) => (await limiter.store.ask({ charges: [], acquaintance: who })).acquainted;
    expect(await ask(acquaintance)).toBe(false);
    await limiter.store.acquaint(acquaintance);
    expect(await ask(acquaintance)).toBe(true);
    expect(await ask(`${subject} from there`)).toBe(false);
  });

  test("a question about nothing has an answer", async () => {
    const answer = { standings: [], revoked: false, acquainted: false, trouble: undefined };
    expect(await limiter.store.ask({ charges: [] })).toEqual(answer);
  });
}
