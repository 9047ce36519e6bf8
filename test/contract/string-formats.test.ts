import { describe, expect, test } from "vitest";
import { hasCodePoints, isBlank, isEmail, isHttpUrl, isId } from "#src/contract/string-formats.ts";

type Row = readonly [text: string, holds: boolean, because: string];

function check(holds: (text: string) => boolean, rows: readonly Row[]): void {
  test.each(rows)("%j: %j, %s", (text, expected) => {
    expect(holds(text)).toBe(expected);
  });
}

describe("isEmail", () => {
  check(isEmail, [
    ["a@b.co", true, "as short as it gets"],
    ["first.last+tag@sub.example.org", true, "dots and tags"],
    ["o'brien!#$%&*/=?^_`{|}~-@example.org", true, "all of HTML's local part"],
    ["..a..@example.org", true, "HTML does not mind dots, and mail servers decide"],
    ["a@xn--bcher-kva.example", true, "internationalised domains in ASCII"],
    ["a@b", false, "a domain has a dot here; HTML lets it pass"],
    ["a@b.", false, "and something behind it"],
    ["a@.b", false, "and before"],
    ["a@-b.co", false, "labels do not begin with a hyphen"],
    ["a@b-.co", false, "or end with one"],
    [`a@${"b".repeat(64)}.co`, false, "a label has at most 63 characters"],
    [`a@${"b".repeat(63)}.co`, true, "which it may have"],
    ["a", false, "no at sign"],
    ["@b.co", false, "nobody"],
    ["a@b@c.co", false, "two at signs"],
    ["a b@c.co", false, "a space"],
    [" a@b.co", false, "also at the start"],
    ["a@b.co\n", false, "and a line break at the end"],
    ["jürgen@example.org", false, "HTML takes ASCII only"],
    ['"a b"@example.org', false, "no quoted local part"],
    ["a@[127.0.0.1]", false, "no address literal"],
    [`${"a".repeat(242)}@example.com`, true, "254 characters"],
    [`${"a".repeat(243)}@example.com`, false, "255"],
    [`${"a@".repeat(100_000)}`, false, "long ones are not looked at"],
  ]);
});

describe("isHttpUrl", () => {
  check(isHttpUrl, [
    ["https://example.org", true, "a host"],
    ["http://example.org:8080/a?b=c#d", true, "all its parts"],
    ["HTTPS://EXAMPLE.org", true, "schemes have no letter case"],
    ["https://example.org/a@b", true, "an at sign in the path is none of credentials"],
    ["https://[::1]/", true, "IPv6"],
    ["https://bücher.example/", true, "the parser encodes it"],
    ["https://user@example.org", false, "a user"],
    ["https://user:pass@example.org", false, "a password"],
    ["https://@example.org", false, "an empty one"],
    ["ftp://example.org", false, "another scheme"],
    ["javascript:alert(1)//http://x", false, "a dangerous one"],
    ["//example.org", false, "no scheme"],
    ["/path", false, "no host"],
    ["https:example.org", false, "the parser would take it"],
    ["https:/example.org", false, "and this"],
    ["https:\\\\example.org", false, "and that"],
    ["https://example.org\\@evil.example", false, "a backslash that browsers read as a slash"],
    ["https://", false, "nobody there"],
    ["https:///a", false, "nor there"],
    [" https://example.org", false, "the parser would trim"],
    ["https://example.org/a b", false, "a space"],
    ["https://exa\nmple.org", false, "the parser would drop the line break"],
    ["https://example.org:99999", false, "no such port"],
    ["https://exa mple.org", false, "no such host"],
  ]);
});

describe("isBlank", () => {
  check(isBlank, [
    ["", true, "nothing"],
    [" \t\n\u00a0\u2003\u3000", true, "white space of all kinds"],
    ["\u200b\u200d\ufeff\u00ad", true, "zero width: drawn as nothing"],
    ["\u0000\u001b\u0085", true, "control characters"],
    ["\u3164\u115f", true, "Hangul fillers are letters, and empty"],
    ["\u202e\u2066", true, "direction marks"],
    [" a ", false, "one letter is enough"],
    ["\u200b.\u200b", false, "so is a point"],
    ["👍", false, "and an emoji"],
    ["\u0301", false, "a combining accent is drawn"],
    ["\ue000", false, "a private character is somebody's"],
  ]);
});

describe("isId", () => {
  check(isId, [
    ["a", true, "one letter"],
    ["0f8fad5b-d9cb-469f-a165-70867728950e", true, "a UUID"],
    ["Task.1_a:b-c", true, "all that it may have"],
    ["a".repeat(128), true, "128"],
    ["a".repeat(129), false, "129"],
    ["", false, "none"],
    [".a", false, "the first is a letter or digit: no dot files, no option flags"],
    ["-a", false, "no hyphen either"],
    ["a/b", false, "a slash separates"],
    ["a b", false, "a space"],
    ["a\n", false, "a line break at the end"],
    ["é", false, "ASCII"],
    ["..", false, "no way up"],
  ]);
});

describe("hasCodePoints", () => {
  test.each([
    ["", 0, true, "nothing is at least nothing"],
    ["", 1, false, "and no more"],
    ["abc", 3, true, "three"],
    ["abc", 4, false, "not four"],
    ["😀😀", 2, true, "a pair of surrogates is one code point"],
    ["😀😀", 3, false, "not two"],
    ["e\u0301", 2, true, "a combining accent is one of its own: code points, not what a reader sees"],
  ] as const)("%j has %i: %j, %s", (text, least, expected, _because) => {
    expect(hasCodePoints(text, least)).toBe(expected);
  });
});
