import { expect, test } from "vitest";
import { MemoryLimiter } from "#src/admission/memory-limiter.ts";

const LIMIT = { name: "anonymous", quota: 3, windowMs: 60_000 };

test("100 000 identities leave the map at its bound, and a busy one in it (R-29)", () => {
  const limiter = new MemoryLimiter(() => 0, 1_000);
  for (let index = 0; index < 100_000; index++) {
    limiter.charge({ limit: LIMIT, subject: `somebody-${index}` });
    // Over its limit from the fourth on, and still remembered: who tries again is not the oldest.
    if (index % 500 === 0) limiter.charge({ limit: LIMIT, subject: "busy" });
  }
  expect(limiter.size).toBe(1_000);
  expect(limiter.charge({ limit: LIMIT, subject: "busy" }).allowed).toBe(false);
});

test("identities whose windows are over make room by themselves, without a timer (R-29)", () => {
  let nowMs = 0;
  const limiter = new MemoryLimiter(() => nowMs);
  for (let index = 0; index < 5_000; index++) limiter.charge({ limit: LIMIT, subject: `old-${index}` });
  nowMs = 120_000;
  for (let index = 0; index < 5_000; index++) limiter.charge({ limit: LIMIT, subject: `new-${index}` });
  expect(limiter.size).toBe(5_000);
});

test("a clock that is set back opens no new quota", () => {
  let nowMs = 600_000;
  const limiter = new MemoryLimiter(() => nowMs);
  for (let index = 0; index < 3; index++) limiter.charge({ limit: LIMIT, subject: "me" });
  nowMs = 300_000;
  expect(limiter.charge({ limit: LIMIT, subject: "me" }).allowed).toBe(false);
});
