import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { messageRules } from "#src/contract/field-rules.ts";
import { Violations } from "#src/contract/violations.ts";
import {
  BadPatternSchema,
  BoundOfStringSchema,
  CountedSchema,
  EmptyLengthSchema,
  EmptyRangeSchema,
  ItemsOfStringSchema,
  LengthOfBoolSchema,
  LengthOfBytesSchema,
  LessOfStringsSchema,
  MessageOfNothingSchema,
  NestedMistakeSchema,
  RequiredSchema,
  RuledSchema,
  SpecifiedStringSchema,
  UnknownLessSchema,
} from "../gen/transcoder/v1/rules_pb.ts";

/** What is wrong with a message, as one line; "" for nothing. */
function check<Desc extends DescMessage>(desc: Desc, init: MessageInitShape<Desc>): string {
  const violations = new Violations();
  messageRules(desc).check(create(desc, init), violations);
  return violations.findings.map(({ field, message }) => `${field} ${message}`).join("; ");
}

type Row = readonly [init: MessageInitShape<typeof RuledSchema>, outcome: string, because: string];

function rows(...list: readonly Row[]): void {
  for (const [init, outcome, because] of list) {
    const shown = JSON.stringify(init, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
    test(`${shown}: ${because}`, () => {
      expect(check(RuledSchema, init)).toBe(outcome);
    });
  }
}

describe("rules about strings", () => {
  rows(
    [{}, "", "what has presence is checked when it is set"],
    [
      { idValue: "" },
      "id_value must be 1 to 128 letters, digits, or any of ._:-, and begin with a letter or digit",
      "set, though empty",
    ],
    [{ notBlank: "\u200b " }, "not_blank must not be blank", "zero width is blank"],
    [{ minLen: "ab" }, "min_len must be at least 3 characters", "too short"],
    [{ minLen: "😀😀" }, "min_len must be at least 3 characters", "two code points, four units"],
    [{ maxLen: "😀😀😀" }, "", "three code points, six units"],
    [{ maxLen: "abcd" }, "max_len must be at most 3 characters", "too long"],
    [{ pattern: "abc" }, "", "a match"],
    [{ pattern: "aBc" }, "pattern must match ^[a-z]+$", "none, told by the pattern"],
    [{ patternMessage: "a" }, "pattern_message must shout", "or by its message; flag u knows \\p{Lu}"],
    [{ patternMessage: "aÄ" }, "", "anywhere in the text"],
    [{ email: "a@b" }, "email must be an e-mail address", "string-formats.test.ts has the rest"],
    [{ httpUrl: "" }, "", "an empty URL is fine where it is not required"],
    [{ httpUrl: "x" }, "http_url must be an http or https URL", "else it is a URL"],
    [{ in: "north" }, "", "one of them"],
    [{ in: "North" }, "in must be one of north, south", "exactly"],
    [{ alwaysChecked: "abcdef" }, "always_checked must be at most 5 characters", "without presence"],
    [{ wrapped: "ab" }, "wrapped must be at least 3 characters", "a wrapper's rules are about its value"],
    [{ way: { case: "byRoad", value: "abcd" } }, "by_road must be at most 3 characters", "a member of a oneof"],
  );
});

describe("rules about numbers and enums", () => {
  rows(
    [{ gt: 0 }, "gt must be greater than 0", "exclusive"],
    [{ gt: 5e-324 }, "", "by as little as there is"],
    [{ gte: -0.1 }, "gte must be at least 0", "inclusive"],
    [{ gte: 0 }, "", "the bound itself"],
    [{ gte: -0 }, "", "minus zero is zero"],
    [{ lt: 10 }, "lt must be less than 10", "exclusive"],
    [{ lte: 10.5 }, "lte must be at most 10", "inclusive"],
    [{ longRange: 10n }, "long_range must be from 1 to 9", "both ends are told"],
    [{ longRange: 9007199254740993n }, "long_range must be from 1 to 9", "bigints are compared as such"],
    [{ small: [1, 10, 3, 11] }, "small[1] must be less than 10; small[3] must be less than 10", "each item"],
    [{ low: Number.NaN }, "low must be a finite number", "no rule is needed for that: gRPC clients can send it"],
    [{ doubles: [1, Number.NEGATIVE_INFINITY] }, "doubles[1] must be a finite number", "in lists as well"],
    [{ floatValue: Number.POSITIVE_INFINITY }, "float_value must be a finite number", "floats too"],
    [{ gt: Number.NaN }, "gt must be a finite number", "and nothing more about it"],
    [{ mood: 1 }, "", "a value with a name"],
    [{ mood: 0 }, "mood must be one of GOOD", "the zero value says nothing"],
    [{ mood: 7 as never }, "mood must be one of GOOD", "nor does a number without a name"],
    [{ moods: [1, 0] }, "moods[1] must be one of GOOD", "each item"],
  );
});

describe("lists, maps and messages inside", () => {
  rows(
    [{ items: ["a", "b", "c", "d"] }, "items must have at most 3 items", "too many"],
    [{ items: ["", "abcde"] }, "items[1] must be at most 4 characters", "string rules are about each item"],
    [{ items: ["abcde", "b", "c", "d"] }, "items must have at most 3 items", "how too many items fare is not told"],
    [{ labels: { a: "", b: "", c: "" } }, "labels must have at most 2 items", "a map has as many items as entries"],
    [{ labels: { "a b": "abcde" } }, 'labels["a b"] must be at most 4 characters', "and each value its rules"],
    [{ nested: {} }, "nested.must is required", "a message that is there has its own rules"],
    [
      { nested: { must: "", next: { must: "", title: "abcdef" } } },
      "nested.next.title must be at most 5 characters",
      "at any depth",
    ],
    [
      { nesteds: [{ must: "" }, { title: "abcdef" }] },
      "nesteds[1].title must be at most 5 characters; nesteds[1].must is required",
      "in lists",
    ],
    [{ byName: { x: {} } }, 'by_name["x"].must is required', "in maps"],
    [
      { way: { case: "bySea", value: { title: "abcdef" } } },
      "by_sea.title must be at most 5 characters; by_sea.must is required",
      "in oneofs",
    ],
    [{ when: { seconds: 1n }, extra: { a: 1 } }, "", "Google's types have no rules"],
  );
  test("a list without presence is always counted", () => {
    expect(check(CountedSchema, {})).toBe("pair must have at least 2 items; labels must have at least 1 item");
    expect(check(CountedSchema, { pair: ["a", "b"], labels: { a: "b" } })).toBe("");
  });
});

describe("less", () => {
  rows(
    [{ low: 1, high: 2 }, "", "as it should be"],
    [{ low: 2, high: 2 }, "low must be less than high", "equal is not less"],
    [{ low: 3, high: 2 }, "low must be less than high", "told of the lesser"],
    [{ low: 3 }, "", "nothing to compare with"],
    [{ high: -1 }, "", "on either side: a missing field is not zero"],
    [{ low: 0, high: -1 }, "low must be less than high", "a zero that is set is"],
    [{ lowLong: -1n, highLong: 2n ** 64n - 1n }, "", "signed and unsigned"],
    [
      { lowLong: 9007199254740993n, highLong: 9007199254740992n },
      "low_long must be less than high_long",
      "exactly, beyond 2^53",
    ],
    [{ low: Number.NaN, high: 1 }, "low must be a finite number", "NaN is told once"],
  );
});

describe("required", () => {
  test("nothing is there", () => {
    expect(check(RequiredSchema, {})).toBe(
      ["text", "implicit_text", "list", "map", "message", "url", "implicit_number"]
        .map((field) => `${field} is required`)
        .join("; "),
    );
  });

  test("zero values: with presence they are there, without they are not", () => {
    const init = { text: "", implicitText: "", list: [""], map: { "": "" }, message: { must: "" }, implicitNumber: 0 };
    expect(check(RequiredSchema, { ...init, url: "https://example.org" })).toBe(
      "implicit_text is required; implicit_number is required",
    );
  });

  test("a required URL is not empty", () => {
    const init = {
      text: "a",
      implicitText: "a",
      list: ["a"],
      map: { a: "" },
      message: { must: "" },
      implicitNumber: 1,
    };
    expect(check(RequiredSchema, { ...init, url: "" })).toBe("url must be an http or https URL");
  });

  test("in a message that is there", () => {
    const init = { text: "a", implicitText: "a", list: ["a"], map: { a: "" }, message: {}, implicitNumber: 1 };
    expect(check(RequiredSchema, { ...init, url: "http://a.example" })).toBe("message.must is required");
  });
});

test.each([
  [LengthOfBoolSchema, "transcoder.v1.LengthOfBool.flag: min_len is for strings, not bool"],
  [LengthOfBytesSchema, "transcoder.v1.LengthOfBytes.blob: max_len is for strings, not bytes"],
  [BoundOfStringSchema, "transcoder.v1.BoundOfString.text: gte is for numbers, not string"],
  [ItemsOfStringSchema, "transcoder.v1.ItemsOfString.text: min_items is for repeated fields, not string"],
  [SpecifiedStringSchema, "transcoder.v1.SpecifiedString.text: specified is for enums, not string"],
  [MessageOfNothingSchema, "transcoder.v1.MessageOfNothing.text: has a pattern_message and no pattern"],
  [
    BadPatternSchema,
    "transcoder.v1.BadPattern.text: pattern is no regular expression: Invalid regular expression: /(/u",
  ],
  [EmptyRangeSchema, "transcoder.v1.EmptyRange.number: nothing is above 5 and below 5"],
  [EmptyLengthSchema, "transcoder.v1.EmptyLength.text: nothing meets min_len 5 and max_len 4"],
  [UnknownLessSchema, 'transcoder.v1.UnknownLess: less names greater "hihg", which is no field of it'],
  [LessOfStringsSchema, 'transcoder.v1.LessOfStrings: less compares numbers, and lesser "low" is none'],
  [NestedMistakeSchema, "transcoder.v1.LengthOfBool.flag: min_len is for strings, not bool"],
])("a mistake stops the start: $1", (desc, message) => {
  expect(() => messageRules(desc)).toThrow(message);
  // And again: nobody is given the half that was right.
  expect(() => messageRules(desc)).toThrow(message);
});
