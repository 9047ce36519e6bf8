import { isMessage, type Message, type MessageShape, toJsonString } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileJsonWriter } from "#src/rest/json-writer.ts";
import { type Everything, EverythingSchema } from "../gen/transcoder/v1/everything_pb.ts";
import type { SearchBooksRequest } from "../gen/transcoder/v1/library_pb.ts";
import { arbitraryMessage } from "./arbitrary-message.ts";
import { readerFor, violationsReaderFor } from "./read-request.ts";

const readOrList = violationsReaderFor("POST /v1/everything");
const readBody = readerFor("POST /v1/everything");
const readQuery = readerFor("GET /v1/everything");

/** What any of our own services may answer and no client may send. */
const REFUSED_ON_PURPOSE = /^must be (?:a finite number|one of .*)$/;

/** Compared by the text, since JSON.stringify loses the sign of zero; bind-json.test.ts has a row for that. */
function textOf(message: Everything): string {
  return toJsonString(EverythingSchema, message, { alwaysEmitImplicit: true });
}

describe("a message written as JSON is read back", () => {
  const writers: Record<string, (message: MessageShape<typeof EverythingSchema>) => string> = {
    "from protobuf-es": (message) => toJsonString(EverythingSchema, message),
    "from protobuf-es with proto names": (message) =>
      toJsonString(EverythingSchema, message, { useProtoFieldName: true, alwaysEmitImplicit: true }),
    "from our own writer": compileJsonWriter(EverythingSchema) as (message: Message) => string,
  };
  for (const [name, write] of Object.entries(writers)) {
    test(`${name}, or refused for numbers that have no name or are not finite`, () => {
      let readBack = 0;
      fc.assert(
        fc.property(arbitraryMessage(EverythingSchema, 1), (message) => {
          const found = readOrList({ body: write(message) });
          if (isMessage(found)) {
            readBack += 1;
            expect(textOf(found as Everything)).toBe(textOf(message));
          } else {
            for (const violation of found) expect(violation.message).toMatch(REFUSED_ON_PURPOSE);
          }
        }),
        { numRuns: 500 },
      );
      expect(readBack).toBeGreaterThan(10);
    });
  }
});

describe("a value written as text is read back from a query", () => {
  const int32 = fc.integer();
  const uint32 = fc.nat(0xffff_ffff);
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const finite = { noNaN: true, noDefaultInfinity: true };
  const values: readonly (readonly [name: string, key: keyof Everything, arbitrary: fc.Arbitrary<unknown>])[] = [
    ["int32_value", "int32Value", int32],
    ["sint32_value", "sint32Value", int32],
    ["sfixed32_value", "sfixed32Value", int32],
    ["uint32_value", "uint32Value", uint32],
    ["fixed32_value", "fixed32Value", uint32],
    ["int64_value", "int64Value", int64],
    ["sint64_value", "sint64Value", int64],
    ["sfixed64_value", "sfixed64Value", int64],
    ["uint64_value", "uint64Value", uint64],
    ["fixed64_value", "fixed64Value", uint64],
    ["double_value", "doubleValue", fc.double(finite).map((value) => value + 0)],
    ["float_value", "floatValue", fc.float(finite).map((value) => value + 0)],
    ["bool_value", "boolValue", fc.boolean()],
    ["string_value", "stringValue", fc.string({ unit: "grapheme" })],
  ];
  for (const [name, key, arbitrary] of values) {
    test(name, () => {
      fc.assert(
        fc.property(arbitrary, (value) => {
          const query = new URLSearchParams({ [name]: String(value) }).toString();
          expect((readQuery({ query }) as Everything)[key]).toBe(value);
        }),
      );
    });
  }

  test("any text, however its characters are encoded", () => {
    const search = readerFor("GET /v1/books:search");
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        for (const encoded of [encodeURIComponent(text), new URLSearchParams({ q: text }).toString().slice(2)]) {
          expect((search({ query: `query=${encoded}` }) as SearchBooksRequest).query).toBe(text);
        }
      }),
    );
  });
});

describe("hostile input", () => {
  test("any query is answered with a message or violations, never with a crash", () => {
    const pair = fc.tuple(
      fc.constantFrom(
        "nested.nested.label",
        "int32Value",
        "repeated_string[]",
        "oneof_string",
        "struct",
        "%",
        "",
        "a.b",
      ),
      fc.constantFrom("", "=", "=1", "=%zz", "=%ff", "=+", "==", "=a%00"),
    );
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 6 }), (pairs) => {
        const found = readQuery({ query: pairs.map((parts) => parts.join("")).join("&") });
        expect(typeof found === "string" ? found : found.$typeName).not.toBe("");
      }),
    );
  });

  test("any bytes as a body too", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (body) => {
        const found = readBody({ body });
        if (typeof found === "string") expect(found).toMatch(/^the body (?:is not valid|must be)/);
      }),
    );
  });

  test("any JSON whatsoever for any fields of ours", () => {
    const names = EverythingSchema.fields.flatMap(({ name, jsonName }) => [name, jsonName]);
    const member = fc.tuple(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 3 }));
    fc.assert(
      fc.property(fc.array(member, { maxLength: 5 }), (members) => {
        const body = JSON.stringify(Object.fromEntries(members));
        const found = readBody({ body });
        // What was accepted can be written again: nothing got in that the types do not allow.
        if (typeof found !== "string") expect(() => toJsonString(EverythingSchema, found as Everything)).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });
});
