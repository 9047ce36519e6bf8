import { expect, test } from "vitest";
import { ExpiringMap } from "#src/identity/expiring-map.ts";

test("an entry is there until its time is over", () => {
  let nowMs = 0;
  const map = new ExpiringMap<number>(() => nowMs, 2);
  map.set("a", 1, 100);
  nowMs = 99;
  expect(map.get("a")).toBe(1);
  nowMs = 100;
  expect(map.get("a")).toBeUndefined();
});

test("the one set longest ago makes room", () => {
  const map = new ExpiringMap<number>(() => 0, 2);
  map.set("a", 1, 100);
  map.set("b", 2, 100);
  map.set("a", 3, 100);
  map.set("c", 4, 100);
  expect([map.get("a"), map.get("b"), map.get("c"), map.size]).toEqual([3, undefined, 4, 2]);
});

test("the expired make room by themselves, so that what comes after a flood finds a small map (R-29)", () => {
  let nowMs = 0;
  const map = new ExpiringMap<number>(() => nowMs, 1_000);
  for (let index = 0; index < 100_000; index++) map.set(`old-${index}`, index, 100);
  expect(map.size).toBe(1_000);
  nowMs = 100;
  for (let index = 0; index < 600; index++) map.set(`new-${index}`, index, 200);
  expect(map.size).toBe(600);
});

test("a full map drops what has expired before what lives, wherever it stands, and at most once a second", () => {
  let nowMs = 10_000;
  const map = new ExpiringMap<number>(() => nowMs, 3);
  map.set("long", 1, 90_000);
  map.set("short", 2, 10_001);
  map.set("longer", 3, 99_000);
  nowMs = 10_001;
  map.set("new", 4, 90_000);
  expect([map.get("long"), map.get("longer"), map.get("new")]).toEqual([1, 3, 4]);
  map.set("long", 1, 10_002);
  nowMs = 10_002;
  map.set("newer", 5, 90_000);
  expect(map.get("longer")).toBeUndefined();
});

test("what is deleted or cleared is gone", () => {
  const map = new ExpiringMap<number>(() => 0, 9);
  map.set("a", 1, 100);
  map.set("b", 2, 100);
  map.delete("a");
  expect([map.get("a"), map.get("b")]).toEqual([undefined, 2]);
  map.clear();
  expect(map.size).toBe(0);
});
