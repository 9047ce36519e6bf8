import { describe, expect, test } from "vitest";
import type { CacheUse } from "#src/context.ts";
import { cacheHeaders } from "#src/rest/cache-headers.ts";
import { conditional } from "#src/rest/conditional.ts";
import { entityTag, namesTag } from "#src/rest/entity-tag.ts";

const TAG = '"abc"';

test.each<[ifNoneMatch: string | null, names: boolean, why: string]>([
  [null, false, "nothing is asked"],
  ['"abc"', true, "the tag"],
  ['W/"abc"', true, "made weak by a proxy that compresses"],
  ['"x", "abc"', true, "one of a list"],
  ['"x",W/"abc"', true, "without spaces"],
  ["*", true, "whatever there is"],
  [" * ", true, "with spaces"],
  ['"x"', false, "another"],
  ["abc", false, "no tag without quotes"],
  ['w/"abc"', false, "W is upper case"],
  ["", false, "an empty list"],
  ['"ab', false, "half a tag"],
  ['"*"', false, "a tag that looks like a star"],
])("If-None-Match %j names the tag: %s (%s)", (ifNoneMatch, names) => {
  expect(namesTag(ifNoneMatch, TAG)).toBe(names);
});

describe("an entity tag", () => {
  test("is 16 hexadecimal digits in quotes, the same in every process", () => {
    expect(entityTag("{}", "a")).toBe(`"19e3a32d0bed97ac"`);
    expect(entityTag("", "")).toMatch(/^"[0-9a-f]{16}"$/);
  });

  test("follows from the body, as text or as bytes, and from what the headers say", async () => {
    const tag = entityTag("{}", "a");
    expect(entityTag("{}", "a")).toBe(tag);
    expect(entityTag(new TextEncoder().encode("{}"), "a")).toBe(tag);
    expect(entityTag("{ }", "a")).not.toBe(tag);
    expect(entityTag("{}", "b")).not.toBe(tag);
    expect(entityTag("a{}", ""), "where the headers end").not.toBe(tag);
  });

  test("is another for every change of a bit, a length, an order", () => {
    const bytes = new TextEncoder().encode("0123456789abcdef".repeat(8));
    const versions: (string | Uint8Array)[] = [bytes, "abcdefgh", "efghabcd", "hgfedcba"];
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = bytes.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      versions.push(changed);
    }
    for (let length = 0; length < 64; length++) versions.push(new Uint8Array(length), bytes.subarray(0, length + 1));
    const tags = versions.map((version) => entityTag(version, ""));
    expect(new Set(tags).size).toBe(versions.length);
    // Both halves: one of 32 bits alone would do for so few.
    for (const half of [tags.map((tag) => tag.slice(1, 9)), tags.map((tag) => tag.slice(9, 17))]) {
      expect(new Set(half).size).toBeGreaterThan(versions.length - 3);
    }
  });

  test("is of all of a long text, of which the first 40,000 numbers have no two the same", () => {
    const tags = new Set(
      Array.from({ length: 40_000 }, (_, n) => entityTag(`{"task":{"budget":${n},"title":"x"}}`, "")),
    );
    expect(tags.size).toBe(40_000);
  });
});

describe("an answer to GET", () => {
  const get = (ifNoneMatch?: string) =>
    new Request("http://gateway/x", ifNoneMatch === undefined ? {} : { headers: { "if-none-match": ifNoneMatch } });
  const rendered = { status: 200, headers: { "content-type": "application/json", "x-total-count": "3" }, body: "[1]" };

  test("has a tag, and may be kept by the client alone, who must ask each time", async () => {
    const response = conditional(get(), rendered);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("[1]");
    expect(Object.fromEntries(response.headers)).toEqual({
      "content-type": "application/json",
      "x-total-count": "3",
      etag: expect.any(String),
      "cache-control": "private, no-cache",
    });
  });

  test("is 304 without a body to who has it, with the headers that a 200 would have", async () => {
    const tag = conditional(get(), rendered).headers.get("etag")!;
    const response = conditional(get(tag), rendered);
    expect(response.status).toBe(304);
    expect(response.body).toBeNull();
    expect(Object.fromEntries(response.headers)).toEqual({
      "x-total-count": "3",
      etag: tag,
      "cache-control": "private, no-cache",
    });
  });

  test("is another one when only the number of all items has changed", async () => {
    const tag = conditional(get(), rendered).headers.get("etag")!;
    const more = { ...rendered, headers: { ...rendered.headers, "x-total-count": "4" } };
    expect(conditional(get(tag), more).status).toBe(200);
  });

  test("keeps what its implementation says about caching", async () => {
    const headers = new Headers({ "content-type": "application/json", "cache-control": "no-store" });
    const response = conditional(get(), { ...rendered, headers });
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(headers.has("etag"), "what was given is not changed").toBe(false);
  });

  test("without a body has a tag too", async () => {
    const response = conditional(get(), { status: 204, headers: {}, body: null });
    expect(response.headers.get("etag")).not.toBeNull();
  });
});

test.each<[uses: CacheUse[], headers: Record<string, string>, why: string]>([
  [[], {}, "no call could have been answered from what is kept"],
  [[use("hit", 3, 2)], { age: "3", "cache-status": "devmatch; hit; ttl=2" }, "fresh"],
  [[use("miss")], { "cache-status": "devmatch; fwd=miss" }, "from the service"],
  [[use("joined")], { "cache-status": "devmatch; fwd=miss; collapsed" }, "with another request's call"],
  [
    [use("revalidating", 7, -2)],
    { age: "7", "cache-status": "devmatch; hit; detail=revalidating; ttl=-2" },
    "stale, and being fetched",
  ],
  [
    [use("stale-on-error", 90, -85)],
    { age: "90", "cache-status": "devmatch; fwd=stale; detail=service-unavailable; ttl=-85" },
    "stale, because there is nothing better",
  ],
  [[use("hit", 3, 2), use("hit", 5, 9)], { age: "5", "cache-status": "devmatch; hit; ttl=2" }, "the oldest part's age"],
  [[use("hit", 3, 2), use("miss")], { age: "3", "cache-status": "devmatch; fwd=miss" }, "not all was kept"],
  [
    [use("miss"), use("stale-on-error", 90, -85)],
    { age: "90", "cache-status": "devmatch; fwd=stale; detail=service-unavailable; ttl=-85" },
    "what says most",
  ],
])("%j is %j: %s", (uses, headers) => {
  expect(cacheHeaders(uses)).toEqual(headers);
});

function use(outcome: CacheUse["outcome"], ageSeconds = 0, ttlSeconds = 0): CacheUse {
  return { outcome, ageSeconds, ttlSeconds };
}
