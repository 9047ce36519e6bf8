import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Json, JsonNumber, JsonSyntaxError, MAX_DEPTH, readJson } from "#src/rest/json-reader.ts";

type Row = readonly [text: string, outcome: string, because: string];

const BAD: readonly Row[] = [
  ["", "line 1, column 1: a value was expected", "nothing is no JSON; the binder takes an empty body for {} itself"],
  [" \n\t ", "line 2, column 3: a value was expected", "nor is white space"],
  ["{", "line 1, column 2: a name in double quotes was expected", "cut after the brace"],
  ['{"a"', "line 1, column 5: a colon was expected", "cut after a name"],
  ['{"a":', "line 1, column 6: a value was expected", "cut after the colon"],
  ['{"a":1', "line 1, column 7: a comma or a closing brace was expected", "cut after a value"],
  ['{"a":1,}', "line 1, column 8: a name in double quotes was expected", "no trailing comma: that is JSON5"],
  ["[1,]", "line 1, column 4: a value was expected", "in arrays neither"],
  ["[,1]", "line 1, column 2: a value was expected", "no holes"],
  ["[1 2]", "line 1, column 4: a comma or a closing bracket was expected", "items need commas"],
  ['{"a" 1}', "line 1, column 6: a colon was expected", "members need colons"],
  ["{a:1}", "line 1, column 2: a name in double quotes was expected", "names need quotes"],
  ["{'a':1}", "line 1, column 2: a name in double quotes was expected", "and double ones"],
  ['{"a":1}\n\n x', "line 3, column 2: nothing more was expected", "nothing after the value: two requests in one body"],
  ["1 2", "line 1, column 3: nothing more was expected", "one value"],
  ["[1]]", "line 1, column 4: nothing more was expected", "one bracket too many"],
  ["// a\n1", "line 1, column 1: a value was expected", "no comments"],
  ["\u00a01", "line 1, column 1: a value was expected", "JSON has four space characters; this is none"],
  ["tru", "line 1, column 1: a value was expected", "a literal is a whole word"],
  ["True", "line 1, column 1: a value was expected", "in lower case"],
  ["truex", "line 1, column 5: nothing more was expected", "with nothing behind it"],
  ["undefined", "line 1, column 1: a value was expected", "JavaScript, not JSON"],
  ["NaN", "line 1, column 1: a value was expected", "JSON has no such number"],
  ["-Infinity", "line 1, column 1: a value was expected", "nor this one"],
  ["+1", "line 1, column 1: a value was expected", "no plus"],
  [".5", "line 1, column 1: a value was expected", "a digit before the point"],
  ["1.", "line 1, column 2: nothing more was expected", "and one after it"],
  ["01", "line 1, column 2: nothing more was expected", "no leading zero: some languages would read octal"],
  ["-", "line 1, column 1: a value was expected", "a sign alone"],
  ["1e", "line 1, column 2: nothing more was expected", "an exponent has digits"],
  ["0x10", "line 1, column 2: nothing more was expected", "no hexadecimal"],
  ["1_000", "line 1, column 2: nothing more was expected", "no separators"],
  ['"a', "line 1, column 3: the end of the string was expected", "an open string"],
  ['"a\\', "line 1, column 4: the end of the string was expected", "cut in an escape"],
  ['"a\nb"', "line 1, column 3: the end of the string was expected", "a line break must be escaped"],
  ['"a\u0000b"', "line 1, column 3: the end of the string was expected", "so must every control character"],
  ['"\\x41"', "line 1, column 1: this string has an escape that is not JSON's", "JavaScript's escapes are not JSON's"],
  ['"\\u12"', "line 1, column 1: this string has an escape that is not JSON's", "four hexadecimal digits"],
  ['"\\u12G4"', "line 1, column 1: this string has an escape that is not JSON's", "all of them hexadecimal"],
  ['["\\ud800"]', "line 1, column 2: this string is not Unicode", "a lone surrogate has no UTF-8; JSON.parse takes it"],
  ['"\\udc00\\ud800"', "line 1, column 1: this string is not Unicode", "a pair in the wrong order is two lone ones"],
  ['{"\\ud800":1}', "line 1, column 2: this string is not Unicode", "in names as well"],
  ['{"a":1,"a":1}', "line 1, column 8: this name was given before", "JSON.parse would keep the last, Go's as well"],
  ['{"a":1,\n "\\u0061":2}', "line 2, column 2: this name was given before", "an escape does not hide it"],
  ['{"__proto__":1,"__proto__":2}', "line 1, column 16: this name was given before", "a name like any other"],
  ['[{"a":{"b":1,"b":2}}]', "line 1, column 14: this name was given before", "at every level"],
];

test.each(BAD)("%j is refused at %s: %s", (text, outcome) => {
  expect(() => readJson(text)).toThrow(JsonSyntaxError);
  expect(() => readJson(text)).toThrow(outcome);
});

const GOOD: readonly Row[] = [
  ["1e400", "1e400", "a number keeps its text: only its field knows what fits"],
  ["9007199254740993", "9007199254740993", "so no digit is lost"],
  ["-0", "-0", "nor the sign of zero"],
  ["1.50", "1.50", "nor how it was written"],
];

test.each(GOOD)("%s keeps the text %s: %s", (text, outcome) => {
  expect(readJson(text)).toEqual(new JsonNumber(outcome));
});

test("names of Object.prototype are names like any other", () => {
  const text = '{"__proto__":{"admin":true},"constructor":1,"toString":2,"hasOwnProperty":3}';
  const object = readJson(text) as ReadonlyMap<string, Json>;
  expect([...object.keys()]).toEqual(["__proto__", "constructor", "toString", "hasOwnProperty"]);
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
});

test("the same name in two objects is no duplicate", () => {
  expect(() => readJson('[{"a":1},{"a":1},{"b":{"a":1},"a":1}]')).not.toThrow();
});

describe("depth", () => {
  const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

  test(`${MAX_DEPTH} levels are read`, () => {
    expect(() => readJson(nested(MAX_DEPTH))).not.toThrow();
  });

  test("one more is refused where it begins", () => {
    expect(() => readJson(nested(MAX_DEPTH + 1))).toThrow("line 1, column 65: at most 64 levels were expected");
  });

  test("a hundred thousand open brackets cost no stack", () => {
    expect(() => readJson("[".repeat(100_000))).toThrow(JsonSyntaxError);
  });

  test("what stands side by side is not deep", () => {
    expect(() => readJson(`[${"[],{},".repeat(1000)}0]`)).not.toThrow();
  });
});

describe("against JSON.parse", () => {
  test("every value that JSON.stringify writes is read the same", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.integer({ min: 0, max: 3 }), (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        expect(toJavaScript(readJson(text))).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  test("strings of any characters, escaped or not", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(readJson(JSON.stringify(text))).toBe(text);
        expect(readJson(escapeAll(text))).toBe(text);
      }),
    );
  });

  test("what it refuses is refused, and what it takes is taken but for duplicates and lone surrogates", () => {
    const piece = fc.constantFrom(
      ...'{}[]:,"\\ \n'.split(""),
      "true",
      "null",
      "1",
      "-",
      "0",
      ".5",
      "e3",
      '"a"',
      "\\u00e9",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join("");
        const expected = attempt(() => JSON.parse(text) as unknown);
        const found = attempt(() => toJavaScript(readJson(text)));
        if (found === REFUSED && expected !== REFUSED) expect(hasDuplicateNames(text)).toBe(true);
        else expect(found).toEqual(expected);
      }),
      { numRuns: 20_000 },
    );
  });

  test("a document with one character changed", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (value, at, character) => {
        const valid = JSON.stringify(value);
        const text = valid.slice(0, at % valid.length) + character + valid.slice((at % valid.length) + 1);
        const expected = attempt(() => JSON.parse(text) as unknown);
        const found = attempt(() => toJavaScript(readJson(text)));
        if (found === REFUSED && expected !== REFUSED) expect(text).toSatisfy(hasDuplicateNames);
        else expect(found).toEqual(expected);
      }),
      { numRuns: 5000 },
    );
  });
});

test("a megabyte of anything is read or refused in linear time", () => {
  const million = 1_000_000;
  const hostile = [
    `"${"\\".repeat(million)}"`,
    `"${"a".repeat(million)}`,
    " ".repeat(million),
    "1".repeat(million),
    `${"0.".repeat(million / 2)}`,
    `[${"{},".repeat(million / 3)}0]`,
    `{${Array.from({ length: million / 12 }, (_, i) => `"a${i}":1`).join(",")}}`,
    "\n".repeat(million),
  ];
  const started = performance.now();
  for (const text of hostile) attempt(() => readJson(text));
  // Quadratic time on any of them would be minutes; a slow machine is given its time.
  expect(performance.now() - started).toBeLessThan(8000);
});

const REFUSED = Symbol("refused");

function attempt(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof JsonSyntaxError) return REFUSED;
    throw error;
  }
}

/** What JSON.parse makes of the same document. */
function toJavaScript(json: Json): unknown {
  if (json instanceof JsonNumber) return Number(json.text);
  if (Array.isArray(json)) return json.map(toJavaScript);
  if (!(json instanceof Map)) return json;
  return Object.fromEntries([...json].map(([name, value]) => [name, toJavaScript(value as Json)]));
}

function escapeAll(text: string): string {
  return `"${text
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("")}"`;
}

/** The reviver sees each member that is left: fewer than there are colons outside of strings means that some went. */
function hasDuplicateNames(text: string): boolean {
  let members = 0;
  JSON.parse(text, (_, value: unknown) => {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) members += Object.keys(value).length;
    return value;
  });
  const colons = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, "").split(":").length - 1;
  return colons > members;
}
