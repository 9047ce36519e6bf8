import { expect, test } from "vitest";
import { timingSafeEqual } from "#src/identity/timing-safe-equal.ts";

test.each([
  ["", "", true, "nothing equals nothing"],
  ["token", "token", true, "the same"],
  ["tökén", "tökén", true, "the same beyond ASCII"],
  ["token", "tokem", false, "the last letter"],
  ["token", "Token", false, "the letter case"],
  ["token", "", false, "nothing is no prefix of interest"],
  ["", "token", false, "from the other side as well"],
  ["\0", "", false, "a zero byte is a byte"],
  ["tokentoken", "token", false, "a repetition, since the shorter one is read round and round"],
  ["token", "tokentoken", false, "from the other side as well"],
  ["tok", "token", false, "a prefix"],
])("%j and %j: %s", (left, right, equal) => {
  expect(timingSafeEqual(left, right)).toBe(equal);
});
