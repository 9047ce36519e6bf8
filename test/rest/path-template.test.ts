import { describe, expect, test } from "vitest";
import { type PathTemplate, parsePathTemplate, TemplateError } from "#src/rest/path-template.ts";
import { shapeOf } from "#src/rest/precedence.ts";

type Row = readonly [template: string, outcome: string, because: string];

/** Outcome: the shape without names, then each variable with the segments that it captures (`…` is open-ended). */
const GOOD: readonly Row[] = [
  ["/v1", "/v1", "one literal is the smallest template"],
  ["/v1/shelves", "/v1/shelves", "literals, one segment each"],
  ["/*", "/*", "a wildcard needs no variable"],
  ["/v1/*/books", "/v1/*/books", "* may stand anywhere"],
  ["/**", "/**", "** may be all there is"],
  ["/v1/**", "/v1/**", "** comes last"],
  ["/v1/{id}", "/v1/* id[1,2)", "{x} is {x=*}"],
  ["/v1/{id=*}", "/v1/* id[1,2)", "and {x=*} is {x}"],
  ["/v1/{name=shelves/*}", "/v1/shelves/* name[1,3)+", "a variable captures its literals too"],
  ["/v1/{name=shelves/*/books/*}", "/v1/shelves/*/books/* name[1,5)+", "and several wildcards"],
  ["/v1/{kind=shelves}", "/v1/shelves kind[1,2)", "a variable of one literal is one segment: it decodes everything"],
  ["/v1/{path=**}", "/v1/** path[1,…)+", "** is multi-segment by the template, whatever is requested"],
  ["/v1/{path=files/**}", "/v1/files/** path[1,…)+", "the open end follows literals"],
  ["/{a}/{b}", "/*/* a[0,1) b[1,2)", "variables side by side"],
  ["/v1/{a=x/*}/y/{b=z/**}", "/v1/x/*/y/z/** a[1,3)+ b[4,…)+", "indices count segments, not variables"],
  ["/v1/{book.name}", "/v1/* book.name[1,2)", "a field path may be nested"],
  ["/v1/{a.b.c.d}", "/v1/* a.b.c.d[1,2)", "as deep as messages go"],
  ["/v1/{_x1.Y_2}", "/v1/* _x1.Y_2[1,2)", "names are protobuf's: letters, digits, underscores"],
  ["/v1/{a.b}/{a.c}", "/v1/*/* a.b[1,2) a.c[2,3)", "siblings in one message are two variables"],
  ["/v1/books:search", "/v1/books:search", "a verb after a literal"],
  ["/v1/{id}:cancel", "/v1/*:cancel id[1,2)", "a verb after a variable"],
  ["/v1/*:cancel", "/v1/*:cancel", "a verb after a wildcard"],
  ["/v1/{path=**}:search", "/v1/**:search path[1,…)+", "a verb may follow **"],
  ["/v1/a-b_c.d~e", "/v1/a-b_c.d~e", "RFC 3986's unreserved characters are literal"],
  ["/v1/users/@me", "/v1/users/@me", "so are @ and the sub-delimiters; vanguard-go refuses them"],
  ["/v1/$batch/(a,b;c=d)&e!'+", "/v1/$batch/(a,b;c=d)&e!'+", "all of them, the asterisk aside"],
  ["/v1/caf%C3%A9", "/v1/caf%C3%A9", "percent-encoding is literal text: it is compared with the raw path"],
  ["/v1/a%2Fb", "/v1/a%2Fb", "an encoded slash is no separator in a template either"],
  ["/v1/...", "/v1/...", "three dots are not a dot segment"],
  ["/v1/.well-known", "/v1/.well-known", "nor is a name that begins with one"],
  ["/V1/Shelves", "/V1/Shelves", "letter case is kept: paths are case-sensitive"],
];

/** Outcome: the 1-based column, and what is said about it. */
const BAD: readonly Row[] = [
  ["", '1: expected "/", found the end', "an empty pattern"],
  ["v1/shelves", '1: expected "/", found "v"', "a template is absolute"],
  ["https://example.com/v1", '1: expected "/", found "h"', "and has no host"],
  [
    "/",
    '2: expected "*", "**", a literal or a variable, found the end',
    "the root has no segments; Envoy's library agrees",
  ],
  [
    "/v1/",
    '5: expected "*", "**", a literal or a variable, found the end',
    "no trailing slash: no request would match it",
  ],
  ["//v1", '2: expected "*", "**", a literal or a variable, found "/"', "no empty segment"],
  ["/v1//x", '5: expected "*", "**", a literal or a variable, found "/"', "no empty segment in the middle either"],
  ["/v1/***", '7: expected "/", ":" or the end, found "*"', "there are two wildcards, not three"],
  ["/v1/a*", '6: expected "/", ":" or the end, found "*"', "a wildcard is a whole segment"],
  ["/v1/*a", '6: expected "/", ":" or the end, found "a"', "at its other end too"],
  ["/v1/a{b}", '6: expected "/", ":" or the end, found "{"', "a variable is a whole segment"],
  ["/v1/{b}a", '8: expected "/", ":" or the end, found "a"', "at its other end too"],
  ["/v1/{a}{b}", '8: expected "/", ":" or the end, found "{"', "so two of them need a slash"],
  ["/v1/**/x", '8: "**" must be the last segment', "Envoy's library allows literals after **; Google's text does not"],
  ["/v1/**/**", '8: "**" must be the last segment', "and never two"],
  ["/v1/{a=**}/x", '12: "**" must be the last segment', "a variable hides nothing"],
  ["/v1/{a=**/x}", '11: "**" must be the last segment', "inside a variable the same"],
  ["/v1/{a={b}}", "8: variables do not nest", "the grammar alone would allow it; Google's text does not"],
  ["/v1/{a=x/{b}/y}", "10: variables do not nest", "however deep it stands"],
  ["/v1/{a}/{a}", '9: the variable "a" is there twice', "one of the two values would be lost"],
  ["/v1/{a.b}/x/{a.b=y/*}", '13: the variable "a.b" is there twice', "the same for a nested one"],
  ["/v1/{}", '6: expected a field name, found "}"', "a variable has a name"],
  ["/v1/{=*}", '6: expected a field name, found "="', "with or without segments"],
  ["/v1/{1a}", '6: expected a field name, found "1"', "a name does not begin with a digit"],
  ["/v1/{a.}", '8: expected a field name, found "}"', "a field path does not end with a dot"],
  ["/v1/{.a}", '6: expected a field name, found "."', "nor begin with one"],
  ["/v1/{a..b}", '8: expected a field name, found "."', "nor skip a name"],
  ["/v1/{a-b}", '7: expected ".", "=" or "}", found "-"', "Envoy's library takes anything up to . = or }"],
  ["/v1/{ a }", '6: expected a field name, found " "', "there is no white space in a template"],
  ["/v1/{a", '7: expected ".", "=" or "}", found the end', "a brace is closed"],
  ["/v1/{a=", '8: expected "*", "**", a literal or a variable, found the end', "also after ="],
  ["/v1/{a=}", '8: expected "*", "**", a literal or a variable, found "}"', "= wants segments"],
  ["/v1/{a=x", '9: expected "/" or "}", found the end', "and the brace after them"],
  [
    "/v1/{a=/x}",
    '8: expected "*", "**", a literal or a variable, found "/"',
    "a variable never captures the leading slash",
  ],
  ["/v1/{a=x/}", '10: expected "*", "**", a literal or a variable, found "}"', "nor a trailing one"],
  ["/v1/{a=x:y}", '9: expected "/" or "}", found ":"', "a verb is the template's, not the variable's"],
  ["/v1/a}", '6: expected "/", ":" or the end, found "}"', "a brace that was never opened"],
  ["/v1/x:", "7: expected a verb, found the end", "a verb has a name"],
  ["/v1/x:a:b", '8: expected the end, found ":"', "there is one verb"],
  ["/v1/x:a/b", '8: expected the end, found "/"', "and it is the end"],
  ["/v1/x:*", '7: expected a verb, found "*"', "and a literal"],
  ["/v1/:verb", '5: expected "*", "**", a literal or a variable, found ":"', "a verb follows a segment"],
  ["/v1/x?y=z", '6: expected "/", ":" or the end, found "?"', "a template has no query"],
  ["/v1/x#y", '6: expected "/", ":" or the end, found "#"', "and no fragment"],
  ["/v1/a b", '6: expected "/", ":" or the end, found " "', "what cannot stand in a path is not literal"],
  ["/v1/a\\b", '6: expected "/", ":" or the end, found "\\"', "a backslash arrives as a slash"],
  ["/v1/[a]", '5: expected "*", "**", a literal or a variable, found "["', "brackets are reserved for hosts"],
  ["/v1/café", '8: expected "/", ":" or the end, found "é"', "no client sends it unencoded"],
  [
    "/v1/😀",
    '5: expected "*", "**", a literal or a variable, found "😀"',
    "a character is a code point, also in messages",
  ],
  ["/v1/100%", '8: expected "/", ":" or the end, found "%"', "a percent sign begins an encoding"],
  ["/v1/%zz", '5: expected "*", "**", a literal or a variable, found "%"', "of two hexadecimal digits"],
  [
    "/v1/caf%c3%a9",
    '5: "%c3%a9" is sent as "%C3%A9": write that',
    "clients encode in upper case, and bytes are compared",
  ],
  ["/v1/%61", '5: "%61" is sent as "a": write that', "nobody encodes a letter"],
  ["/v1/%FF", '5: "%FF" is not UTF-8: write that', "no text encodes to it"],
  ["/v1/./x", '5: no request can have the segment "."', "URL parsers resolve it away"],
  ["/v1/..", '5: no request can have the segment ".."', "this one takes a segment with it"],
  ["/v1/{a=../x}", '8: no request can have the segment ".."', "in a variable too"],
];

describe("parsePathTemplate", () => {
  test.each(GOOD)("%s is %s: %s", (source, outcome) => {
    expect(outline(parsePathTemplate(source))).toBe(outcome);
  });

  test.each(BAD)("%s fails at %s: %s", (source, outcome) => {
    const error = errorOf(() => parsePathTemplate(source));
    expect(error.message).toBe(`"${source}", column ${outcome}`);
    expect(error.column).toBe(Number.parseInt(outcome, 10));
  });

  test("keeps the source, which is the label of the route, and the column of each variable", () => {
    const template = parsePathTemplate("/v1/{a=x/*}/{b.c}:go");
    expect(template).toMatchObject({ source: "/v1/{a=x/*}/{b.c}:go", verb: "go" });
    expect(template.variables.map(({ column }) => column)).toEqual([5, 13]);
  });
});

function outline(template: PathTemplate): string {
  const variables = template.variables.map(
    ({ fieldPath, start, end, multiSegment }) =>
      `${fieldPath.join(".")}[${start},${end ?? "…"})${multiSegment ? "+" : ""}`,
  );
  return [shapeOf(template), ...variables].join(" ");
}

function errorOf(parse: () => unknown): TemplateError {
  try {
    parse();
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  throw new Error("expected a TemplateError");
}
