import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { plainWords } from "#src/telemetry/plain-words.ts";

describe("a message in plain words", () => {
  test.each<readonly [message: string, plain: string, why: string]>([
    [
      "Cannot read properties of undefined (reading 'title')",
      "Cannot read properties of undefined reading …",
      "the bug",
    ],
    ["exchange.note is not a function", "… is not a function", "source text is no word"],
    ["Assignment to constant variable.", "Assignment to constant …", "without the full stop"],
    ["Maximum call stack size exceeded", "Maximum call stack size exceeded", "all of it"],
    ["Invalid time zone specified: Hunter2", "Invalid time …", "an engine repeats what it was given"],
    [`Unexpected token 'h', "hunter2" is not valid JSON`, "Unexpected token … is not valid JSON", "so does JSON.parse"],
    ["connect ECONNREFUSED postgres://a:b@10.0.0.7:5432", "…", "addresses"],
    ["Bearer eyJhbGciOi.x.y", "…", "tokens"],
    ["me@example.com is unknown", "… is unknown", "people"],
    ["error\n    at hunter2 (secret:1:1)", "error at …", "lines"],
    ["error=hunter2", "…", "a word with something at it is no word"],
    ["toString constructor __proto__", "… constructor …", "names that every object has"],
    ["", "", "nothing"],
    ["   ", "", "nothing but space"],
  ])("%j is %j: %s", (message, plain) => {
    expect(plainWords(message)).toBe(plain);
  });

  test("is short, however long the message", () => {
    expect(plainWords("error ".repeat(1_000_000)).length).toBeLessThanOrEqual(200);
    expect(plainWords("x ".repeat(1_000_000))).toBe("…");
  });

  test("has no word that is not an engine's, whatever stands around it", () => {
    const secret = fc.stringMatching(/^[A-Z][a-z]{3,8}[0-9]{2,4}$/);
    fc.assert(
      fc.property(fc.string(), secret, fc.string(), (before, word, after) => {
        expect(plainWords(`${before}${word}${after}`)).not.toContain(word);
      }),
    );
  });
});
