import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pathCapture } from "#src/rest/path-capture.ts";
import { parsePathTemplate } from "#src/rest/path-template.ts";

type Row = readonly [template: string, path: string, values: readonly (string | undefined)[], because: string];

const ROWS: readonly Row[] = [
  ["/v1/shelves", "/v1/shelves", [], "no variables, no values"],
  ["/v1/{id}", "/v1/7", ["7"], "one segment"],
  ["/{id}", "/7", ["7"], "without the leading slash, also at the root"],
  ["/{a}/x/{b}", "/1/x/2", ["1", "2"], "in the order of the template"],
  ["/v1/*/{b}", "/v1/skipped/2", ["2"], "an unnamed wildcard has no value"],
  ["/v1/{id}/x", "/v1/7/x", ["7"], "a value ends at the next slash"],
  ["/v1/{name=shelves/*}", "/v1/shelves/7", ["shelves/7"], "literals inside a variable are captured"],
  ["/v1/{name=shelves/*}/books", "/v1/shelves/7/books", ["shelves/7"], "literals behind it are not"],
  ["/v1/{path=**}", "/v1/a/b/c", ["a/b/c"], "** captures the rest"],
  ["/v1/{path=**}", "/v1/a", ["a"], "of one segment"],
  ["/v1/{path=**}", "/v1", [""], "or of none"],
  ["/{path=**}", "/", [""], "none at the root"],
  ["/{path=**}", "/a", ["a"], "some at the root"],
  ["/v1/{path=files/**}", "/v1/files", ["files"], "literals before ** are captured when ** is nothing"],
  ["/v1/{a}/{path=**}", "/v1/1", ["1", ""], "nothing behind a variable"],
  ["/v1/{id}:cancel", "/v1/7:cancel", ["7"], "the verb is no part of the value"],
  ["/v1/{id}:cancel", "/v1/a:b:cancel", ["a:b"], "only the last colon begins a verb"],
  ["/v1/{id}", "/v1/urn:isbn:7", ["urn:isbn:7"], "without a verb every colon is the id's"],
  ["/v1/{path=**}:go", "/v1/a/b:go", ["a/b"], "a verb behind **"],
  ["/v1/{path=**}:go", "/v1:go", [""], "and behind nothing"],
  ["/{path=**}:go", "/:go", [""], "nothing at the root"],
  ["/{a}/b:go", "/1/b:go", ["1"], "a verb behind a literal"],
  ["/v1/{id}", "/v1/a%20b", ["a b"], "percent-encoding is decoded"],
  ["/v1/{id}", "/v1/a%2Fb", ["a/b"], "one segment decodes the slash as well: it was no separator"],
  ["/v1/{id}/x", "/v1/a%2fb/x", ["a/b"], "in either letter case"],
  ["/v1/{kind=shelves}", "/v1/shelves", ["shelves"], "a literal variable is single-segment"],
  ["/v1/{path=**}", "/v1/a%2Fb/c", ["a%2Fb/c"], "a multi-segment variable keeps the encoded slash"],
  ["/v1/{path=**}", "/v1/a%2fb", ["a%2fb"], "as it stands, and although one segment was sent: the template decides"],
  ["/v1/{name=shelves/*}", "/v1/shelves/a%2Fb", ["shelves/a%2Fb"], "also without **"],
  ["/v1/{path=**}", "/v1/a%3Fb%23c%20d", ["a?b#c d"], "all else is decoded; Envoy's library keeps reserved characters"],
  ["/v1/{path=**}", "/v1/a%252Fb", ["a%2Fb"], "once only; that it now equals %2F is Google's rule"],
  ["/v1/{id}", "/v1/a%252Fb", ["a%2Fb"], "decoding twice would make a slash of it"],
  ["/v1/{id}", "/v1/a+b", ["a+b"], "a plus is a plus in a path"],
  ["/v1/{id}", "/v1/a%2Bb", ["a+b"], "encoded or not"],
  ["/v1/{id}", "/v1/caf%C3%A9", ["café"], "UTF-8"],
  ["/v1/{id}", "/v1/%F0%9F%98%80", ["😀"], "of four bytes"],
  ["/v1/{id}", "/v1/7%3Acancel", ["7:cancel"], "an encoded colon never begins a verb"],
  ["/v1/{id}", "/v1/%2E%2E%2Fadmin", ["../admin"], "dots that no URL parser resolved are data"],
  ["/v1/{id}", "/v1/a%00b", ["a\0b"], "a NUL too: the field's rules judge it"],
  ["/v1/{id}", "/v1/100%", [undefined], "a percent sign alone; Envoy's library leaves it as it is"],
  ["/v1/{id}", "/v1/%zz", [undefined], "not hexadecimal; grpc-gateway answers 400 as well"],
  ["/v1/{id}", "/v1/%4", [undefined], "one digit"],
  ["/v1/{id}", "/v1/%FF", [undefined], "a byte that UTF-8 never has"],
  ["/v1/{id}", "/v1/%C3", [undefined], "half a character"],
  ["/v1/{id}", "/v1/%C0%AF", [undefined], "an overlong slash"],
  ["/v1/{id}", "/v1/%ED%A0%80", [undefined], "half a surrogate pair"],
  ["/v1/{path=**}", "/v1/a%2F%zz", [undefined], "keeping %2F does not hide what is wrong beside it"],
  ["/v1/{path=**}", "/v1/%%2F", [undefined], "nor in front of it"],
  ["/{a}/{b}", "/%zz/ok", [undefined, "ok"], "each value for itself"],
];

describe("pathCapture", () => {
  test.each(ROWS)("%s captures from %s the values %j: %s", (template, path, values) => {
    expect(pathCapture(parsePathTemplate(template))(path)).toEqual(values);
  });

  test("gives back whatever a client has encoded as Google's text says it must", () => {
    const text = fc.string({ unit: "binary", minLength: 1 });
    const segments = fc.array(text, { minLength: 1, maxLength: 4 });
    const capture = pathCapture(parsePathTemplate("/v1/{id}/x/{rest=**}:go"));
    fc.assert(
      fc.property(text, segments, (id, rest) => {
        const path = `/v1/${encodeURIComponent(id)}/x/${rest.map(encodeURIComponent).join("/")}:go`;
        expect(capture(path)).toEqual([id, rest.map((each) => each.replaceAll("/", "%2F")).join("/")]);
      }),
    );
  });
});
