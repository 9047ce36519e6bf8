import { addToTally, EMPTY_TALLY, type Tally } from "#src/upstream/tally.ts";

/** What calls ended with, a mark each: `+` success, `x` failure, `-` suspect, `0` neutral. */
export function tallyOf(outcomes: string): Tally {
  const names = { "+": "success", x: "failure", "-": "suspect", "0": "neutral" } as const;
  return [...outcomes].reduce((tally, mark) => addToTally(tally, names[mark as keyof typeof names]), EMPTY_TALLY);
}
