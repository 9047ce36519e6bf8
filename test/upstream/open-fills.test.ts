import { expect, test } from "vitest";
import { OpenFills } from "#src/upstream/open-fills.ts";

test("a write touches the fills that are open and have one of its tags", () => {
  const fills = new OpenFills(() => {});
  const ended = fills.begin("ended", ["a"]);
  fills.end(ended);
  const [one, other, both] = [fills.begin("one", ["a"]), fills.begin("other", ["b"]), fills.begin("both", ["b", "a"])];
  expect(fills.invalidate(["a", "c"])).toEqual(["one", "both"]);
  expect([ended, one, other, both].map(({ valid }) => valid)).toEqual([true, false, true, false]);
  const later = fills.begin("one", ["a"]);
  expect(later.valid, "it began after the write").toBe(true);
});

test("fills that are never ended are bounded in number, and nothing is kept of those that had to go", () => {
  const fills = new OpenFills(() => {});
  const begun = Array.from({ length: 1_500 }, (_, n) => fills.begin(`${n}`, ["a"]));
  expect(begun.findIndex(({ valid }) => valid)).toBe(500);
  expect(fills.invalidate(["a"])).toHaveLength(1_000);
  fills.end(begun[0]!);
});
