import { expect, test } from "vitest";
import { createCallSlots } from "#src/upstream/call-slots.ts";

function setUp(most: number) {
  let nowMs = 1_000;
  const slots = createCallSlots({ most, now: () => nowMs });
  const advance = (ms: number) => {
    nowMs += ms;
  };
  return { slots, advance };
}

test("so many and no more, until one is given back", () => {
  const { slots } = setUp(2);
  const leave = slots.enter(9_000);
  slots.enter(9_000);
  expect(slots.enter(9_000)).toBeUndefined();
  expect(slots.taken()).toBe(2);
  leave!();
  expect(slots.enter(9_000)).toBeDefined();
});

test("a slot given back twice is one slot", () => {
  const { slots } = setUp(2);
  const leave = slots.enter(9_000)!;
  slots.enter(9_000);
  leave();
  leave();
  expect(slots.taken()).toBe(1);
});

test("a slot that was never given back is free after its time, and its late return takes nobody else's", () => {
  const { slots, advance } = setUp(1);
  const forgotten = slots.enter(2_000)!;
  advance(999);
  expect(slots.enter(9_000)).toBeUndefined();
  advance(1);
  expect(slots.enter(9_000)).toBeDefined();
  forgotten();
  expect(slots.taken()).toBe(1);
  expect(slots.enter(9_000)).toBeUndefined();
});

test("the time of each counts, not the order in which they came", () => {
  const { slots, advance } = setUp(2);
  slots.enter(Number.POSITIVE_INFINITY);
  slots.enter(2_000);
  advance(1_000);
  expect(slots.enter(9_000)).toBeDefined();
  expect(slots.enter(9_000)).toBeUndefined();
});
