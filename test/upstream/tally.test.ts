import { describe, expect, test } from "vitest";
import { EMPTY_TALLY, type Tally } from "#src/upstream/tally.ts";
import { tallyOf } from "../support/tally-of.ts";

describe("a tally", () => {
  const rows: [outcomes: string, expected: Tally][] = [
    ["", EMPTY_TALLY],
    ["+", { calls: 1, failures: 0, row: 0, rowBegan: true }],
    ["xx", { calls: 2, failures: 2, row: 2, rowBegan: false }],
    ["x+", { calls: 2, failures: 1, row: 0, rowBegan: true }],
    ["x+x", { calls: 3, failures: 2, row: 1, rowBegan: true }],
    ["x-x", { calls: 3, failures: 3, row: 2, rowBegan: false }],
    ["x0x", { calls: 2, failures: 2, row: 2, rowBegan: false }],
  ];
  test.each(rows)("of %j says what matters of it", (outcomes, expected) => {
    expect(tallyOf(outcomes)).toEqual(expected);
  });
});
