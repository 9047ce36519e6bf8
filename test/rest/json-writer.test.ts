import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack, DurationSchema, EmptySchema, TimestampSchema, ValueSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { GatewayError } from "#src/errors.ts";
import { compileFieldJsonWriter, compileJsonWriter } from "#src/rest/json-writer.ts";
import { type Everything, EverythingSchema, NestedSchema } from "../gen/transcoder/v1/everything_pb.ts";
import { AddressSchema, BookSchema, PublisherSchema } from "../gen/transcoder/v1/library_pb.ts";
import { aliasedEnum, proto2Message } from "./dynamic-types.ts";

type Init = MessageInitShape<typeof EverythingSchema>;
type Row = readonly [field: string, init: Init, text: string, because: string];

const SCALARS: readonly Row[] = [
  ["bool_value", { boolValue: true }, "true", "a bool is a bool"],
  ["bool_value", {}, "false", "and is there when it is false"],
  ["int32_value", { int32Value: -2147483648 }, "-2147483648", "32 bits fit in a JSON number"],
  ["uint32_value", { uint32Value: 4294967295 }, "4294967295", "unsigned ones too"],
  ["sint32_value", { sint32Value: -1 }, "-1", "the wire's zigzag is no concern of JSON"],
  ["fixed32_value", { fixed32Value: 7 }, "7", "nor is its fixed width"],
  ["sfixed32_value", { sfixed32Value: -7 }, "-7", "with a sign"],
  ["int64_value", { int64Value: -9223372036854775808n }, '"-9223372036854775808"', "64 bits are a decimal string"],
  ["uint64_value", { uint64Value: 18446744073709551615n }, '"18446744073709551615"', "the greatest there is"],
  ["int64_value", {}, '"0"', "always a string: a client's parser must not change with the value"],
  ["sint64_value", { sint64Value: -5n }, '"-5"', "zigzag"],
  ["fixed64_value", { fixed64Value: 5n }, '"5"', "fixed"],
  ["sfixed64_value", { sfixed64Value: -5n }, '"-5"', "fixed with a sign"],
  ["int64_as_string", { int64AsString: "9007199254740993" }, '"9007199254740993"', "jstype is TypeScript's business"],
  ["double_value", { doubleValue: 1500 }, "1500", "a whole double has no point"],
  ["double_value", { doubleValue: 0.1 }, "0.1", "the shortest text that reads back"],
  ["double_value", { doubleValue: 1e21 }, "1e+21", "an exponent is a JSON number"],
  ["double_value", { doubleValue: 5e-324 }, "5e-324", "the smallest there is"],
  ["double_value", { doubleValue: -0 }, "-0", "keeps its sign as Go and C++ do; JSON.stringify of toJson says 0"],
  ["double_value", { doubleValue: Number.NaN }, '"NaN"', "JSON has no number for it"],
  ["double_value", { doubleValue: Number.POSITIVE_INFINITY }, '"Infinity"', "nor for this"],
  ["double_value", { doubleValue: Number.NEGATIVE_INFINITY }, '"-Infinity"', "nor this"],
  ["float_value", { floatValue: Math.fround(0.1) }, "0.1", "as Go and C++; toJson says 0.10000000149011612"],
  ["float_value", { floatValue: Math.fround(16777216) }, "16777216", "whole floats are exact"],
  ["float_value", { floatValue: 3.4028234663852886e38 }, "3.4028235e+38", "the greatest float, in its own digits"],
  ["float_value", { floatValue: 1.401298464324817e-45 }, "1e-45", "the smallest: one digit tells it apart"],
  ["float_value", { floatValue: 1.1754943508222875e-38 }, "1.1754944e-38", "the smallest normal one needs eight"],
  ["float_value", { floatValue: Math.fround(0.3333333333) }, "0.33333334", "eight digits"],
  ["float_value", { floatValue: Math.fround(8589973504.1) }, "8589973504", "whole and beyond 2^24"],
  ["float_value", { floatValue: 0.1 }, "0.1", "a double that an implementation put there becomes the float it will be"],
  ["float_value", { floatValue: -0 }, "-0", "keeps its sign"],
  ["float_value", { floatValue: Number.NaN }, '"NaN"', "as for double"],
  ["string_value", { stringValue: "plain" }, '"plain"', "nothing to escape"],
  ["string_value", { stringValue: 'say "hi" \\ bye' }, '"say \\"hi\\" \\\\ bye"', "what JSON must escape"],
  [
    "string_value",
    { stringValue: "a\r\nb\tc\u0000" },
    '"a\\r\\nb\\tc\\u0000"',
    "control characters, the short ones short",
  ],
  ["string_value", { stringValue: "é 漢 \u2028" }, '"é 漢 \u2028"', "UTF-8 needs no escape; U+2028 is plain JSON text"],
  ["string_value", { stringValue: "🦀" }, '"🦀"', "a pair of surrogates is one character"],
  ["string_value", { stringValue: "x\ud83e" }, '"x\\ud83e"', "a lone one is escaped: an answer is always UTF-8"],
  [
    "string_value",
    { stringValue: "</script>" },
    '"</script>"',
    "no HTML escapes: grpc-gateway's \\u003c is Go's habit",
  ],
  ["string_value", { stringValue: `${"x".repeat(80)}"` }, `"${"x".repeat(80)}\\""`, "long strings take the other way"],
  ["bytes_value", { bytesValue: new Uint8Array() }, '""', "no bytes"],
  ["bytes_value", { bytesValue: Uint8Array.of(255) }, '"/w=="', "standard alphabet, padded"],
  ["bytes_value", { bytesValue: Uint8Array.of(251, 255) }, '"+/8="', "not the URL alphabet"],
  ["constructor", { constructor$: "x" }, '"x"', "TypeScript's name for a field is not its name"],
];

const ENUMS: readonly Row[] = [
  ["color", { color: 1 }, '"RED"', "without the prefix that all share; others write COLOR_RED"],
  ["color", { color: 2 }, '"DARK_BLUE"', "an alias is for input"],
  ["color", { color: -1 }, '"INFRARED"', "numbers may be negative"],
  ["color", {}, '"UNSPECIFIED"', "the zero value has a name as well"],
  ["color", { color: 99 as never }, "99", "a value that we do not know is its number"],
  ["planet", { planet: 2 }, '"Venus"', "without a shared prefix the whole name, as it is written"],
  ["repeated_color", { repeatedColor: [1, 99 as never, 0] }, '["RED",99,"UNSPECIFIED"]', "in a list"],
  ["map_string_color", { mapStringColor: { a: 1 } }, '{"a":"RED"}', "in a map"],
  ["null_value", {}, "null", "NullValue is null, and it is always there"],
];

const COLLECTIONS: readonly Row[] = [
  ["repeated_string", {}, "[]", "an empty list is there"],
  ["repeated_int64", { repeatedInt64: [1n, 2n] }, '["1","2"]', "each item as alone"],
  ["repeated_double", { repeatedDouble: [1, Number.NaN, -0] }, '[1,"NaN",-0]', "numbers and strings mixed"],
  ["repeated_bytes", { repeatedBytes: [Uint8Array.of(1)] }, '["AQ=="]', "bytes"],
  ["repeated_bool", { repeatedBool: [true, false] }, "[true,false]", "bools"],
  ["repeated_int64_wrapper", { repeatedInt64Wrapper: [{ value: 5n }] }, '["5"]', "in lists wrappers are messages"],
  ["repeated_value", { repeatedValue: [{}, valueHolding(1)] }, "[null,1]", "null is an item where Value says so"],
  ["map_string_string", {}, "{}", "an empty map is there"],
  ["map_string_int32", { mapStringInt32: { b: 2, a: 1 } }, '{"b":2,"a":1}', "in the order they came; Go sorts"],
  ["map_string_string", { mapStringString: { 'a"\n': "x" } }, '{"a\\"\\n":"x"}', "a key is escaped like any string"],
  ["map_string_string", { mapStringString: { "": "x" } }, '{"":"x"}', "an empty key is a key"],
  ["map_string_string", { mapStringString: protoKey() }, '{"__proto__":"x","a":"y"}', "so is what JavaScript fears"],
  ["map_bool_string", { mapBoolString: { true: "t", false: "f" } }, '{"true":"t","false":"f"}', "keys are strings"],
  ["map_int32_string", { mapInt32String: { 2: "b", 1: "a" } }, '{"1":"a","2":"b"}', "small integers sort: JavaScript"],
  ["map_int32_string", { mapInt32String: { [-1]: "x" } }, '{"-1":"x"}', "negative"],
  ["map_int64_string", { mapInt64String: { "-9223372036854775808": "x" } }, '{"-9223372036854775808":"x"}', "long"],
  ["map_uint32_string", { mapUint32String: { 4294967295: "x" } }, '{"4294967295":"x"}', "unsigned"],
  ["map_uint64_string", { mapUint64String: { "18446744073709551615": "x" } }, '{"18446744073709551615":"x"}', "both"],
  ["map_sint32_string", { mapSint32String: { [-2]: "x" } }, '{"-2":"x"}', "zigzag"],
  ["map_sint64_string", { mapSint64String: { "-2": "x" } }, '{"-2":"x"}', "zigzag, long"],
  ["map_fixed32_string", { mapFixed32String: { 2: "x" } }, '{"2":"x"}', "fixed"],
  ["map_fixed64_string", { mapFixed64String: { "2": "x" } }, '{"2":"x"}', "fixed, long"],
  ["map_sfixed32_string", { mapSfixed32String: { [-2]: "x" } }, '{"-2":"x"}', "fixed with a sign"],
  ["map_sfixed64_string", { mapSfixed64String: { "-2": "x" } }, '{"-2":"x"}', "fixed with a sign, long"],
  ["map_string_value", { mapStringValue: { a: {} } }, '{"a":null}', "null is a value where Value says so"],
  ["map_string_timestamp", { mapStringTimestamp: { a: {} } }, '{"a":"1970-01-01T00:00:00Z"}', "well-known values"],
];

const WELL_KNOWN: readonly Row[] = [
  ["timestamp", timestamp(0n), '"1970-01-01T00:00:00Z"', "no fraction where there is none"],
  ["timestamp", timestamp(0n, 1), '"1970-01-01T00:00:00.000000001Z"', "nine digits"],
  ["timestamp", timestamp(0n, 1000), '"1970-01-01T00:00:00.000001Z"', "six"],
  ["timestamp", timestamp(0n, 10_000_000), '"1970-01-01T00:00:00.010Z"', "three: never two, though .01 would do"],
  ["timestamp", timestamp(-1n, 999_000_000), '"1969-12-31T23:59:59.999Z"', "nanos count forwards before 1970 too"],
  ["timestamp", timestamp(951_782_400n), '"2000-02-29T00:00:00Z"', "a leap day of a leap century"],
  ["timestamp", timestamp(4_107_542_400n), '"2100-03-01T00:00:00Z"', "2100 has none"],
  ["timestamp", timestamp(-62_135_596_800n), '"0001-01-01T00:00:00Z"', "the first second"],
  ["timestamp", timestamp(253_402_300_799n, 999_999_999), '"9999-12-31T23:59:59.999999999Z"', "the last nanosecond"],
  ["duration", duration(0n), '"0s"', "nothing"],
  ["duration", duration(1n, 500_000_000), '"1.500s"', "three digits"],
  ["duration", duration(0n, 1), '"0.000000001s"', "nine"],
  ["duration", duration(0n, -1000), '"-0.000001s"', "the sign is there though the seconds have none"],
  ["duration", duration(-3n, -1), '"-3.000000001s"', "one sign for both"],
  ["duration", duration(315_576_000_000n), '"315576000000s"', "10000 years are the most"],
  ["field_mask", { fieldMask: {} }, '""', "an empty mask"],
  ["field_mask", mask("title", "publisher.address"), '"title,publisher.address"', "comma-joined"],
  ["field_mask", mask("repository_url"), '"repositoryUrl"', "lower camel case even here: the type says so"],
  ["field_mask", mask("*"), '"*"', "all fields, AIP-161; Go refuses it"],
  ["struct", { struct: {} }, "{}", "an empty Struct"],
  ["struct", { struct: { a: [1, "x", true, null, { b: -0 }] } }, '{"a":[1,"x",true,null,{"b":-0}]}', "any JSON"],
  ["struct", { struct: protoKey() }, '{"__proto__":"x","a":"y"}', "keys are only keys"],
  ["value", { value: valueHolding("x") }, '"x"', "a string"],
  ["value", { value: valueHolding(1.5) }, "1.5", "a number"],
  ["value", { value: valueHolding(true) }, "true", "a bool"],
  ["value", { value: { kind: { case: "nullValue", value: 0 } } }, "null", "null"],
  ["value", { value: {} }, "null", "a Value without a kind; toJson and Go throw, though toJson says null in a Struct"],
  [
    "value",
    { value: { kind: { case: "structValue", value: { fields: { a: valueHolding(1) } } } } },
    '{"a":1}',
    "an object",
  ],
  ["value", { value: { kind: { case: "listValue", value: { values: [valueHolding(1)] } } } }, "[1]", "a list"],
  ["list_value", { listValue: { values: [valueHolding("a"), {}] } }, '["a",null]', "ListValue is an array"],
  ["empty", { empty: {} }, "{}", "Empty has no form of its own"],
  ["double_wrapper", { doubleWrapper: Number.NaN }, '"NaN"', "a wrapper is its scalar"],
  ["float_wrapper", { floatWrapper: Math.fround(0.1) }, "0.1", "with the scalar's own rules"],
  ["int64_wrapper", { int64Wrapper: 0n }, '"0"', "zero is a value"],
  ["uint64_wrapper", { uint64Wrapper: 1n }, '"1"', "a string here too"],
  ["int32_wrapper", { int32Wrapper: 1 }, "1", "a number"],
  ["uint32_wrapper", { uint32Wrapper: 1 }, "1", "a number"],
  ["bool_wrapper", { boolWrapper: false }, "false", "false is a value"],
  ["string_wrapper", { stringWrapper: "" }, '""', "so is the empty string"],
  ["bytes_wrapper", { bytesWrapper: Uint8Array.of(1) }, '"AQ=="', "base64"],
];

const ANYS: readonly Row[] = [
  ["any", { any: {} }, "{}", "an Any of nothing"],
  [
    "any",
    { any: anyPack(NestedSchema, create(NestedSchema, { label: "x" })) },
    '{"@type":"type.googleapis.com/transcoder.v1.Nested","label":"x","count":0,"children":[],"by_name":{}}',
    "the packed members beside @type; it comes first, as in Go, so that a reader knows what follows",
  ],
  [
    "any",
    { any: anyPack(DurationSchema, create(DurationSchema, { seconds: 1n })) },
    '{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}',
    "a type with a form of its own is the member value",
  ],
  [
    "any",
    { any: anyPack(EmptySchema, create(EmptySchema)) },
    '{"@type":"type.googleapis.com/google.protobuf.Empty"}',
    "Empty has no form of its own, as in protobuf-es; Go adds a value",
  ],
  [
    "any",
    { any: anyPack(ValueSchema, create(ValueSchema, valueHolding(1))) },
    '{"@type":"type.googleapis.com/google.protobuf.Value","value":1}',
    "types that the file imports are known",
  ],
];

for (const [group, rows] of Object.entries({ SCALARS, ENUMS, COLLECTIONS, WELL_KNOWN, ANYS })) {
  describe(group.toLowerCase(), () => {
    for (const [name, init, text, because] of rows) {
      test(`${name} → ${text.slice(0, 60)}: ${because}`, () => {
        const field = EverythingSchema.fields.find((candidate) => candidate.name === name)!;
        const message = create(EverythingSchema, init);
        expect(compileFieldJsonWriter(field)(message)).toBe(text);
        expect(compileJsonWriter(EverythingSchema)(message)).toContain(`"${name}":${text}`);
      });
    }
  });
}

type WholeRow = readonly [type: DescMessage, init: Record<string, unknown>, text: string, because: string];

const MESSAGES: readonly WholeRow[] = [
  [
    NestedSchema,
    {},
    '{"label":"","count":0,"children":[],"by_name":{}}',
    "defaults, empty lists and maps are there; an unset message and an unset optional are not, and never null",
  ],
  [
    NestedSchema,
    { note: "" },
    '{"label":"","count":0,"children":[],"by_name":{},"note":""}',
    "optional, set to default",
  ],
  [
    NestedSchema,
    { nested: { nested: {} } } satisfies MessageInitShape<typeof NestedSchema>,
    nestedText(nestedText(nestedText())),
    "a message may hold itself",
  ],
  [AddressSchema, { country: "DE" }, '{"city":"","country":"DE"}', "json_name is for input: the .proto's name wins"],
  [PublisherSchema, { address: {} }, '{"name":"","address":{"city":"","country":""}}', "set and empty is there"],
  [EmptySchema, {}, "{}", "a message without fields"],
  [TimestampSchema, {}, '"1970-01-01T00:00:00Z"', "a well-known type as a whole response"],
  [
    BookSchema,
    { subtitle: "" },
    '{"name":"","title":"","author":"","genre":"UNSPECIFIED","copies":"0","price":0,"tags":[],"subtitle":"",' +
      '"labels":{},"chapters":[]}',
    "a wrapper that is set, to the empty string: that is what wrappers are for",
  ],
  [
    proto2Message(),
    {},
    "{}",
    "proto2: the default of an unset field is not written, nor is an unset required one refused",
  ],
  [proto2Message(), { text: "a" }, '{"text":"a"}', "proto2: what is set is, even to the default"],
  [aliasedEnum(), { state: 1 }, '{"state":"ON"}', "of two names for a number the first declared"],
];

describe("messages", () => {
  for (const [type, init, text, because] of MESSAGES) {
    test(`${type.name} → ${text.slice(0, 60)}: ${because}`, () => {
      expect(compileJsonWriter(type)(create(type, init))).toBe(text);
    });
  }
});

type Choice = Everything["choice"];
const CHOICES: readonly (readonly [Choice, string | undefined, string])[] = [
  [{ case: undefined }, undefined, "no member is set: none is there"],
  [{ case: "oneofString", value: "" }, '"oneof_string":""', "a member is there with its default"],
  [{ case: "oneofInt32", value: 0 }, '"oneof_int32":0', "a number too"],
  [{ case: "oneofNull", value: 0 }, '"oneof_null":null', "null where NullValue says so"],
  [{ case: "oneofColor", value: 0 }, '"oneof_color":"UNSPECIFIED"', "an enum's zero"],
  [{ case: "oneofNested", value: create(NestedSchema) }, '"oneof_nested":{"label":""', "a message"],
  [{ case: "oneofValue", value: create(ValueSchema, valueHolding(1)) }, '"oneof_value":1', "a well-known one"],
];

describe("a oneof", () => {
  for (const [choice, member, because] of CHOICES) {
    test(`${member ?? "nothing"}: ${because}`, () => {
      const text = compileJsonWriter(EverythingSchema)(create(EverythingSchema, { choice }));
      const members = Object.keys(JSON.parse(text)).filter((name) => name.startsWith("oneof_"));
      expect(members).toHaveLength(member === undefined ? 0 : 1);
      expect(text).toContain(member ?? "");
    });
  }
});

const UNWRITABLE: readonly (readonly [Init, cause: RegExp, because: string])[] = [
  [timestamp(253_402_300_800n), /Timestamp of 253402300800 s/, "the year 10000; toJson throws an Error, here a 500"],
  [timestamp(-62_135_596_801n), /years 1 to 9999/, "the year 0"],
  [timestamp(0n, -1), /-1 ns/, "nanos count forwards"],
  [timestamp(0n, 1_000_000_000), /1000000000 ns/, "a second of nanos"],
  [timestamp(9223372036854775807n), /Timestamp/, "the end of int64"],
  [duration(315_576_000_001n), /Duration/, "over 10000 years"],
  [duration(1n, -1), /out of range/, "two signs"],
  [duration(-1n, 1), /out of range/, "two signs the other way"],
  [duration(0n, 1_000_000_000), /out of range/, "a second of nanos; toJson throws a RangeError of String.repeat"],
  [mask("fooBar"), /path "fooBar"/, "a path that could not be read back"],
  [mask("foo__bar"), /path/, "two underscores"],
  [mask("foo_1"), /path/, "an underscore before a digit"],
  [mask("foo_"), /path/, "an underscore at the end"],
  [mask("a,b"), /path "a,b"/, "a comma would make it two; toJson lets it"],
  [mask(""), /path ""/, "an empty path would vanish; toJson lets it"],
  [{ value: valueHolding(Number.NaN) }, /Value is NaN/, "a Value is JSON, and JSON has no NaN"],
  [{ value: valueHolding(Number.POSITIVE_INFINITY) }, /Value is Infinity/, "nor Infinity"],
  [{ struct: { a: [Number.NaN] } }, /Value is NaN/, "inside a Struct too, where JSON.stringify would say null"],
  [{ any: { typeUrl: "type.googleapis.com/no.Such" } }, /no\.Such, which is not known/, "an unknown type"],
  [{ any: { typeUrl: "", value: Uint8Array.of(1) } }, /not known/, "bytes without a type"],
  [anyOf("transcoder.v1.Nested", Uint8Array.of(0x0a)), /cannot be read/, "bytes that are cut off"],
  [anyOf("google.protobuf.Any", matryoshka(40)), /nested over 16/, "Anys in Anys: the stack is ours"],
];

describe("what JSON cannot express is the upstream's fault", () => {
  for (const [init, cause, because] of UNWRITABLE) {
    test(`${cause.source}: ${because}`, () => {
      const error = thrownBy(() => compileJsonWriter(EverythingSchema)(create(EverythingSchema, init)));
      expect(error).toBeInstanceOf(GatewayError);
      expect((error as GatewayError).errorCode).toBe("UPSTREAM_ERROR");
      expect((error as GatewayError).message).toBe("A service answered with a value that JSON cannot express.");
      expect((error as { cause: Error }).cause.message).toMatch(cause);
    });
  }

  test("and the writer works on: an Any that failed is forgotten", () => {
    const write = compileJsonWriter(EverythingSchema);
    for (let time = 0; time < 20; time++) {
      thrownBy(() => write(create(EverythingSchema, anyOf("google.protobuf.Any", matryoshka(40)))));
    }
    expect(write(create(EverythingSchema, { any: {} }))).toContain('"any":{}');
  });
});

const ABSENT: readonly (readonly [field: string, text: string, because: string])[] = [
  ["nested", "{}", "a message: as grpc-gateway's; this API has no null for messages"],
  ["empty", "{}", "Empty is an object"],
  ["struct", "{}", "so is Struct"],
  ["any", "{}", "an Any of nothing is an empty object anyway"],
  ["timestamp", "null", "where a string would stand, an object would be the wrong type"],
  ["value", "null", "Value"],
  ["int32_wrapper", "null", "a wrapper is a scalar or nothing"],
  ["optional_string", "null", "so is an optional scalar"],
  ["oneof_string", "null", "and a member of a oneof"],
];

describe("the value of a field that is not set", () => {
  for (const [name, text, because] of ABSENT) {
    test(`${name} → ${text}: ${because}`, () => {
      const field = EverythingSchema.fields.find((candidate) => candidate.name === name)!;
      expect(compileFieldJsonWriter(field)(create(EverythingSchema))).toBe(text);
    });
  }
});

function timestamp(seconds: bigint, nanos = 0): Init {
  return { timestamp: { seconds, nanos } };
}

function duration(seconds: bigint, nanos = 0): Init {
  return { duration: { seconds, nanos } };
}

function mask(...paths: string[]): Init {
  return { fieldMask: { paths } };
}

function valueHolding(value: string | number | boolean): MessageInitShape<typeof ValueSchema> {
  if (typeof value === "string") return { kind: { case: "stringValue", value } };
  return typeof value === "number" ? { kind: { case: "numberValue", value } } : { kind: { case: "boolValue", value } };
}

function protoKey(): Record<string, string> {
  return JSON.parse('{"__proto__":"x","a":"y"}');
}

function anyOf(type: string, value: Uint8Array<ArrayBuffer>): Init {
  return { any: { typeUrl: `type.googleapis.com/${type}`, value } };
}

/** An Any in an Any in an Any, as bytes: each is a type URL (field 1) and a value (field 2). */
function matryoshka(depth: number): Uint8Array<ArrayBuffer> {
  const url = new TextEncoder().encode("a/google.protobuf.Any");
  let bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  for (let level = 0; level < depth; level++) {
    const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
    bytes = Uint8Array.of(0x0a, url.length, ...url, 0x12, ...length, ...bytes);
  }
  return bytes;
}

function nestedText(inner?: string): string {
  return `{"label":"","count":0,${inner === undefined ? "" : `"nested":${inner},`}"children":[],"by_name":{}}`;
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}
