import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { type KeptAnswer, KeptAnswers } from "#src/upstream/kept-answers.ts";

const NOW = 1_800_000_000_000;

function answer({ bytes = 10, tags = [] as string[], usableUntilMs = NOW + 1 } = {}): KeptAnswer {
  return {
    message: create(EmptySchema),
    tags,
    bytes,
    askedAtMs: NOW,
    freshUntilMs: usableUntilMs,
    revalidateUntilMs: usableUntilMs,
    usableUntilMs,
    versions: undefined,
    trustedUntilMs: usableUntilMs,
    refreshingUntilMs: 0,
  };
}

function keep(limits: { entries?: number; bytes?: number }, ...keys: string[]): KeptAnswers {
  const kept = new KeptAnswers({ entries: 1_000, bytes: 1_000_000, ...limits });
  for (const key of keys) kept.set(key, answer());
  return kept;
}

const has = (kept: KeptAnswers, ...keys: string[]) => keys.filter((key) => kept.get(key, NOW) !== undefined);

describe("bounds", () => {
  test("no more entries than allowed, the oldest goes first", () => {
    const kept = keep({ entries: 3 }, "a", "b", "c", "d");
    expect(has(kept, "a", "b", "c", "d")).toEqual(["b", "c", "d"]);
    expect(kept.size).toBe(3);
  });

  test("no more bytes than allowed", () => {
    const kept = keep({ bytes: 30 }, "a", "b", "c");
    kept.set("d", answer({ bytes: 15 }));
    expect(has(kept, "a", "b", "c", "d")).toEqual(["c", "d"]);
    expect(kept.bytes).toBe(25);
  });

  test("what is larger than everything together pushes out nothing but its own earlier version", () => {
    const kept = keep({ bytes: 30 }, "a", "b");
    kept.set("a", answer({ bytes: 31 }));
    expect(has(kept, "a", "b")).toEqual(["b"]);
    expect(kept.bytes).toBe(10);
  });

  test("what was asked for lately stays longer than what was not", () => {
    const kept = keep({ entries: 3 }, "a", "b", "c");
    has(kept, "a");
    kept.set("d", answer());
    kept.set("e", answer());
    expect(has(kept, "a", "b", "c", "d", "e")).toEqual(["a", "d", "e"]);
  });

  test("when all were asked for lately, one goes all the same", () => {
    const kept = keep({ entries: 3 }, "a", "b", "c");
    has(kept, "a", "b", "c");
    kept.set("d", answer());
    expect(kept.size).toBe(3);
    expect(has(kept, "d")).toEqual(["d"]);
  });

  test("hold however many are kept in turn, tags included", () => {
    const kept = new KeptAnswers({ entries: 50, bytes: 400 });
    for (let n = 0; n < 10_000; n++) {
      kept.set(`${n % 333}`, answer({ bytes: 1 + (n % 20), tags: [`t${n % 7}`, `u${n}`] }));
      if (n % 3 === 0) kept.get(`${(n * 7) % 333}`, NOW);
      expect(kept.size).toBeLessThanOrEqual(50);
      expect(kept.bytes).toBeLessThanOrEqual(400);
    }
    for (let n = 0; n < 7; n++) kept.invalidate([`t${n}`]);
    expect([kept.size, kept.bytes]).toEqual([0, 0]);
  });
});

test("an answer is there until it is of no use, and then its room is free", () => {
  const kept = keep({});
  kept.set("a", answer({ usableUntilMs: NOW + 5 }));
  expect(kept.get("a", NOW + 4)).toBeDefined();
  expect(kept.get("a", NOW + 5)).toBeUndefined();
  expect([kept.size, kept.bytes]).toEqual([0, 0]);
});

test("a newer answer takes the place of the one before, with its bytes and its tags", () => {
  const kept = keep({});
  kept.set("a", answer({ tags: ["before"] }));
  kept.set("a", answer({ bytes: 3, tags: ["after"] }));
  expect([kept.size, kept.bytes]).toEqual([1, 3]);
  kept.invalidate(["before"]);
  expect(has(kept, "a")).toEqual(["a"]);
  kept.invalidate(["after"]);
  expect(has(kept, "a")).toEqual([]);
});

test("a tag ends every answer that has it, and no other", () => {
  const kept = keep({});
  kept.set("a", answer({ tags: ["x", "y"] }));
  kept.set("b", answer({ tags: ["y"] }));
  kept.set("c", answer({ tags: ["z"] }));
  kept.invalidate(["y", "unknown"]);
  expect(has(kept, "a", "b", "c")).toEqual(["c"]);
});
