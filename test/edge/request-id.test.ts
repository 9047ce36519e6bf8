import { expect, test } from "vitest";
import { requestIdOf } from "#src/edge/request-id.ts";

const MADE_UP = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test.each([
  ["7", "one character is enough"],
  ["0a1b2c3d-0a1b-4c2d-8e3f-0a1b2c3d4e5f", "a UUID"],
  ["Root=1-abc".replace("=", ":"), "what load balancers make, as far as it has our characters"],
  ["a.b_c:d-e", "every sign that is allowed"],
  ["a".repeat(128), "the longest"],
])("the client's id %.40j is kept: %s", (id) => {
  expect(requestIdOf(new Headers({ "X-Request-Id": id }))).toBe(id);
});

test.each([
  ["", "none in it"],
  ["a".repeat(129), "longer than the longest"],
  ["-a", "begins like an option of a command"],
  [".a", "begins like a hidden file"],
  ["a b", "a space"],
  ["a\tb", "a tab"],
  ["a/b", "a slash"],
  ["a%0d%0ab", "an encoded line break"],
  ['a"b', "a quotation mark"],
  ["a;b", "a separator of headers"],
  ["a=b", "a separator of log fields"],
  ["{a}", "braces"],
  ["<script>", "markup"],
  ["é", "letters beyond ASCII"],
  ["a, b", "two headers, joined"],
])("the client's id %.40j is not repeated: %s", (id) => {
  expect(requestIdOf(new Headers({ "X-Request-Id": id }))).toMatch(MADE_UP);
});

test("two headers make no id, whichever of them was good", () => {
  const headers = new Headers({ "X-Request-Id": "first" });
  headers.append("X-Request-Id", "second");
  expect(requestIdOf(headers)).toMatch(MADE_UP);
});

test("without a header each request has an id of its own", () => {
  expect(requestIdOf(new Headers())).toMatch(MADE_UP);
  expect(requestIdOf(new Headers())).not.toBe(requestIdOf(new Headers()));
});
