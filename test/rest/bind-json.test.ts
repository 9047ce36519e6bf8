import { create, fromJsonString, type MessageInitShape } from "@bufbuild/protobuf";
import { DurationSchema, FieldMaskSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { EverythingSchema } from "../gen/transcoder/v1/everything_pb.ts";
import { readerFor } from "./read-request.ts";

type Init = MessageInitShape<typeof EverythingSchema>;

/**
 * A body for the whole message, what it gives (fields, or the violations), and why. The last column says where
 * protobuf-es' fromJsonString decides otherwise, so that a difference is never silent.
 */
type Row = readonly [body: string, outcome: Init | string, because: string, protobufEs?: "differs"];

const read = readerFor("POST /v1/everything");

function check(rows: readonly Row[]): void {
  for (const [body, outcome, because, protobufEs] of rows) {
    test(`${body}: ${because}`, () => {
      const found = read({ body });
      expect(found).toEqual(typeof outcome === "string" ? outcome : create(EverythingSchema, outcome));
      const theirs = byProtobufEs(body);
      const agrees = typeof found === "string" ? theirs === undefined : isSame(theirs, found);
      expect(agrees ? undefined : "differs").toBe(protobufEs);
    });
  }
}

function byProtobufEs(body: string): object | undefined {
  try {
    return fromJsonString(EverythingSchema, body);
  } catch {
    return undefined;
  }
}

function isSame(one: unknown, other: unknown): boolean {
  try {
    expect(one).toEqual(other);
    return true;
  } catch {
    return false;
  }
}

const WHOLE = "must be a whole number";
const INT32 = "must be a whole number from -2147483648 to 2147483647";
const UINT32 = "must be a whole number from 0 to 4294967295";
const INT64 = "must be a whole number from -9223372036854775808 to 9223372036854775807";
const UINT64 = "must be a whole number from 0 to 18446744073709551615";
const INEXACT = "must be written as a string, since JSON numbers are not exact beyond 2^53";

describe("bool", () => {
  check([
    ['{"bool_value":true}', { boolValue: true }, "the word"],
    ['{"bool_value":false}', {}, "the default is the same as nothing"],
    ['{"bool_value":"true"}', "bool_value must be true or false", "in JSON it is no string"],
    ['{"bool_value":1}', "bool_value must be true or false", "nor a number"],
    ['{"optional_bool":false}', { optionalBool: false }, "with presence, false is a value"],
  ]);
});

describe("32-bit integers", () => {
  check([
    ['{"int32_value":-2147483648}', { int32Value: -2147483648 }, "the least"],
    ['{"int32_value":2147483647}', { int32Value: 2147483647 }, "the greatest"],
    ['{"int32_value":2147483648}', `int32_value ${INT32}`, "one more is refused, never wrapped"],
    ['{"int32_value":-2147483649}', `int32_value ${INT32}`, "one less too"],
    ['{"sint32_value":2147483648}', `sint32_value ${INT32}`, "zigzag has the same range"],
    ['{"sfixed32_value":2147483648}', `sfixed32_value ${INT32}`, "so has fixed width"],
    ['{"uint32_value":4294967295}', { uint32Value: 4294967295 }, "the greatest unsigned"],
    ['{"uint32_value":4294967296}', `uint32_value ${UINT32}`, "one more"],
    ['{"uint32_value":-1}', `uint32_value ${UINT32}`, "a negative is not 4294967295"],
    ['{"fixed32_value":-1}', `fixed32_value ${UINT32}`, "whatever the wire format"],
    ['{"int32_value":"7"}', { int32Value: 7 }, "ProtoJSON takes a string"],
    ['{"int32_value":1e2}', { int32Value: 100 }, "and an exponent"],
    ['{"int32_value":1.0}', { int32Value: 1 }, "and a fraction that is none"],
    ['{"int32_value":1200e-2}', { int32Value: 12 }, "whole by value, not by spelling"],
    ['{"int32_value":"1e2"}', { int32Value: 100 }, "in a string alike"],
    ['{"int32_value":1.5}', `int32_value ${WHOLE}`, "a fraction is not cut off"],
    ['{"int32_value":1e-1}', `int32_value ${WHOLE}`, "however it is written"],
    ['{"int32_value":0.99999999999999999999}', `int32_value ${WHOLE}`, "not 1: JSON.parse rounds", "differs"],
    ['{"int32_value":1e400}', `int32_value ${INT32}`, "out of range, not infinite"],
    ['{"int32_value":0e400}', {}, "zero at any exponent"],
    ['{"int32_value":-0}', {}, "minus zero is zero: -0 would be sent on the wire", "differs"],
    [
      '{"int32_value":"007"}',
      `int32_value ${WHOLE}`,
      "strings have JSON's grammar too, as in Go's protojson",
      "differs",
    ],
    ['{"int32_value":"0x10"}', `int32_value ${WHOLE}`, "Number() would take it", "differs"],
    ['{"int32_value":" 1"}', `int32_value ${WHOLE}`, "no white space"],
    ['{"int32_value":"+1"}', `int32_value ${WHOLE}`, "no plus", "differs"],
    ['{"int32_value":""}', `int32_value ${WHOLE}`, "empty is not zero"],
    ['{"int32_value":true}', `int32_value ${WHOLE}`, "nor is a bool one"],
    ['{"int32_value":[1]}', `int32_value ${WHOLE}`, "nor a list of one"],
    ['{"int32_value":{}}', `int32_value ${WHOLE}`, "nor an object"],
  ]);
});

describe("64-bit integers", () => {
  check([
    ['{"int64_value":"-9223372036854775808"}', { int64Value: -(2n ** 63n) }, "the least"],
    ['{"int64_value":"9223372036854775807"}', { int64Value: 2n ** 63n - 1n }, "the greatest, exactly"],
    ['{"int64_value":"9223372036854775808"}', `int64_value ${INT64}`, "one more"],
    ['{"sint64_value":"9223372036854775808"}', `sint64_value ${INT64}`, "in each wire format"],
    ['{"sfixed64_value":"-9223372036854775809"}', `sfixed64_value ${INT64}`, "and on either side"],
    ['{"uint64_value":"18446744073709551615"}', { uint64Value: 2n ** 64n - 1n }, "the greatest unsigned"],
    ['{"uint64_value":"18446744073709551616"}', `uint64_value ${UINT64}`, "one more"],
    ['{"fixed64_value":"-1"}', `fixed64_value ${UINT64}`, "no negatives"],
    ['{"int64_value":7}', { int64Value: 7n }, "a number as long as it is small"],
    ['{"int64_value":9007199254740992}', { int64Value: 2n ** 53n }, "2^53 is exact"],
    ['{"int64_value":9007199254740993}', `int64_value ${INEXACT}`, "fromJson would make it …992", "differs"],
    ['{"int64_value":-9007199254740993}', `int64_value ${INEXACT}`, "below zero as well", "differs"],
    [
      '{"uint64_value":1e17}',
      `uint64_value ${INEXACT}`,
      "even where a double could hold it: a rule that is easy to say",
      "differs",
    ],
    ['{"int64_value":"1e3"}', { int64Value: 1000n }, "an exponent in a string", "differs"],
    ['{"int64_value":"1.0"}', { int64Value: 1n }, "whole by value", "differs"],
    ['{"int64_value":"1.5"}', `int64_value ${WHOLE}`, "a fraction is refused"],
    ['{"int64_value":"1e999999999"}', `int64_value ${INT64}`, "and nobody computes such a power"],
    ['{"int64_as_string":"42"}', { int64AsString: "42" }, "jstype = JS_STRING keeps a string"],
    ['{"int64_as_string":"9223372036854775808"}', `int64_as_string ${INT64}`, "of the same range"],
  ]);
});

describe("float and double", () => {
  check([
    ['{"double_value":1.5e300}', { doubleValue: 1.5e300 }, "any finite number"],
    ['{"double_value":"1.5"}', { doubleValue: 1.5 }, "or its text"],
    ['{"double_value":-0}', { doubleValue: -0 }, "minus zero is a double of its own"],
    ['{"double_value":1e400}', "double_value is out of range", "JSON.parse makes an infinity of it"],
    ['{"double_value":"1e400"}', "double_value is out of range", "as text too"],
    [
      '{"double_value":"NaN"}',
      "double_value must be a finite number",
      "ProtoJSON takes it, this API does not",
      "differs",
    ],
    ['{"double_value":"Infinity"}', "double_value must be a finite number", "nor this", "differs"],
    ['{"double_value":"-Infinity"}', "double_value must be a finite number", "nor that", "differs"],
    ['{"double_value":"infinity"}', "double_value must be a number", "which is no name of anything"],
    ['{"double_value":"0x10"}', "double_value must be a number", "Number() would take it", "differs"],
    ['{"double_value":" 1"}', "double_value must be a number", "no white space"],
    ['{"double_value":""}', "double_value must be a number", "empty is not zero"],
    ['{"double_value":".5"}', "double_value must be a number", "JSON's grammar in strings", "differs"],
    ['{"double_value":false}', "double_value must be a number", "a bool is none"],
    ['{"float_value":0.5}', { floatValue: 0.5 }, "what a float can hold stays"],
    [
      '{"float_value":0.1}',
      { floatValue: Math.fround(0.1) },
      "the rest is rounded here and not on the wire",
      "differs",
    ],
    [
      '{"float_value":3.4028235e38}',
      { floatValue: 3.4028234663852886e38 },
      "how C++ prints the greatest float",
      "differs",
    ],
    ['{"float_value":3.5e38}', "float_value is out of range", "beyond it there is none"],
    ['{"float_value":-3.5e38}', "float_value is out of range", "on either side"],
  ]);
});

describe("string and bytes", () => {
  check([
    ['{"string_value":"a\\u00e9\\ud83d\\ude00"}', { stringValue: "aé😀" }, "escapes are decoded, pairs joined"],
    ['{"string_value":"a\\u0000b"}', { stringValue: "a\u0000b" }, "protobuf strings may have NUL"],
    ['{"string_value":1}', "string_value must be a string", "a number is no string"],
    ['{"string_value":["a"]}', "string_value must be a string", "nor is a list of one"],
    ['{"bytes_value":"_-8="}', { bytesValue: new Uint8Array([255, 239]) }, "the alphabet of URLs"],
    ['{"bytes_value":"/+8="}', { bytesValue: new Uint8Array([255, 239]) }, "and the standard one"],
    ['{"bytes_value":"_-8"}', { bytesValue: new Uint8Array([255, 239]) }, "with padding or without"],
    ['{"bytes_value":""}', {}, "empty is empty"],
    ['{"bytes_value":"a"}', "bytes_value must be base64", "six bits are no byte"],
    ['{"bytes_value":"ab=c"}', "bytes_value must be base64", "padding ends the text"],
    ['{"bytes_value":"_-8=="}', "bytes_value must be base64", "and fills it up to four", "differs"],
    ['{"bytes_value":"_ -8"}', "bytes_value must be base64", "no white space", "differs"],
    ['{"bytes_value":[1,2]}', "bytes_value must be a string", "not an array of numbers"],
  ]);
});

describe("enums", () => {
  const colors = "must be one of RED, DARK_BLUE, INFRARED";
  check([
    ['{"color":"COLOR_RED"}', { color: 1 }, "the name in the .proto"],
    ['{"color":"RED"}', { color: 1 }, "without the prefix that all values share", "differs"],
    ['{"color":"dark_blue"}', { color: 2 }, "in any letter case", "differs"],
    ['{"color":"Navy"}', { color: 2 }, "by the alias of option policy.v1.value", "differs"],
    ['{"color":2}', { color: 2 }, "by its number"],
    ['{"color":-1}', { color: -1 }, "which may be negative"],
    ['{"color":"2"}', { color: 2 }, "or its number's text, as in a query", "differs"],
    ['{"color":"COLOR_UNSPECIFIED"}', {}, "the zero value by name: a rule refuses it where it must"],
    ['{"color":7}', `color ${colors}`, "a number that it does not know; ProtoJSON keeps it", "differs"],
    ['{"color":"GREEN"}', `color ${colors}`, "nor such a name"],
    ['{"color":""}', `color ${colors}`, "an empty name"],
    ['{"color":"COLOR_COLOR_RED"}', `color ${colors}`, "the prefix goes once"],
    ['{"color":"__proto__"}', `color ${colors}`, "what every object has is no value"],
    ['{"color":1.5}', `color ${colors}`, "no fraction"],
    ['{"color":true}', `color ${colors}`, "no bool"],
    ['{"planet":"venus"}', { planet: 2 }, "no shared prefix, any letter case", "differs"],
  ]);
});

describe("null, names and unknown fields", () => {
  check([
    ["{}", {}, "nothing"],
    ['{"int32_value":null,"nested":null,"repeated_string":null,"map_string_int32":null}', {}, "null is the absence"],
    ['{"string_wrapper":null,"timestamp":null,"oneof_string":null,"color":null}', {}, "of everything but Value"],
    ['{"int32Value":1}', { int32Value: 1 }, "by JSON name"],
    ['{"alsoKnownAs":"x"}', { renamedField: "x" }, "which may be its own"],
    ['{"renamed_field":"x"}', { renamedField: "x" }, "beside the name in the .proto"],
    ['{"renamedField":"x"}', "renamedField is not a known field", "while the name it would have had is none"],
    ['{"int32_value":1,"int32Value":2}', "int32_value is sent twice, also as int32Value", "one field, two names"],
    ['{"int32Value":null,"int32_value":1}', "int32_value is sent twice, also as int32Value", "even where one is null"],
    ['{"int32_valeu":1}', "int32_valeu is not a known field", "a typing error is told, not dropped"],
    ['{"Int32Value":1}', "Int32Value is not a known field", "names have a letter case"],
    ['{"nested":{"nope":1}}', "nested.nope is not a known field", "inside, with its path"],
    ['{"repeated_nested":[{},{"nope":1}]}', "repeated_nested[1].nope is not a known field", "and in items"],
    ['{"__proto__":{"int32_value":1}}', "__proto__ is not a known field", "no prototype is touched"],
    ['{"constructor":"x"}', { constructor$: "x" }, "a field of that name is a field"],
    ['{"toString":1}', "toString is not a known field", "what Object.prototype has is no field"],
    ['{"[transcoder.v1.ext]":1}', "[transcoder.v1.ext] is not a known field", "no extensions"],
    [`{"${"x".repeat(80)}":1}`, `${"x".repeat(63)}… is not a known field`, "a long name is cut in the answer"],
  ]);
});

describe("messages, lists and maps", () => {
  check([
    ['{"nested":{"nested":{"label":"x"}}}', { nested: { nested: { label: "x" } } }, "as deep as they go"],
    ['{"nested":{}}', { nested: {} }, "present and empty"],
    ['{"nested":[]}', "nested must be an object", "a list is none"],
    ['{"nested":"x"}', "nested must be an object", "nor a string"],
    ['{"repeated_int32":[1,"2",3.0]}', { repeatedInt32: [1, 2, 3] }, "each item as the type allows"],
    ['{"repeated_int32":1}', "repeated_int32 must be an array", "one item is no list"],
    ['{"repeated_int32":{"0":1}}', "repeated_int32 must be an array", "nor an object"],
    ['{"repeated_int32":[1,null]}', "repeated_int32[1] must not be null", "an item is there or not"],
    ['{"repeated_nested":[null]}', "repeated_nested[0] must not be null", "messages too"],
    [
      '{"repeated_nested":[{"label":"a"},7,{"count":"x"}]}',
      `repeated_nested[1] must be an object; repeated_nested[2].count ${WHOLE}`,
      "all at once, each with its index",
    ],
    ['{"repeated_int64":["1",2]}', { repeatedInt64: [1n, 2n] }, "64 bits in lists"],
    ['{"repeated_color":["red",2]}', { repeatedColor: [1, 2] }, "enums in lists", "differs"],
    [
      '{"repeated_timestamp":["1970-01-01T00:00:01Z"]}',
      { repeatedTimestamp: [{ seconds: 1n }] },
      "well-known types in lists",
    ],
    [
      '{"repeated_int64_wrapper":["5"]}',
      { repeatedInt64Wrapper: [{ value: 5n }] },
      "a wrapper in a list stays a message",
    ],
    ['{"map_string_int32":{"a":1,"":2}}', { mapStringInt32: { a: 1, "": 2 } }, "an empty key is a key"],
    [
      '{"map_string_string":{"__proto__":"x"}}',
      { mapStringString: JSON.parse('{"__proto__":"x"}') },
      "an own property, no prototype",
    ],
    ['{"map_string_int32":{"a":null}}', 'map_string_int32["a"] must not be null', "a value is there or not"],
    ['{"map_string_int32":{"a":"x"}}', `map_string_int32["a"] ${WHOLE}`, "named by its key"],
    ['{"map_string_int32":[]}', "map_string_int32 must be an object", "a list is no map"],
    ['{"map_int32_string":{"-5":"x"}}', { mapInt32String: { "-5": "x" } }, "keys are strings in JSON"],
    ['{"map_int32_string":{"1":"x","1.0":"y"}}', 'map_int32_string["1.0"] is given twice', "two names, one key"],
    ['{"map_int32_string":{"0":"x","-0":"y"}}', 'map_int32_string["-0"] is given twice', "zero is one key"],
    ['{"map_int32_string":{"a":"x"}}', `map_int32_string["a"] has a key that ${WHOLE}`, "a key of its type"],
    ['{"map_int32_string":{"2147483648":"x"}}', `map_int32_string["2147483648"] has a key that ${INT32}`, "and range"],
    [
      '{"map_int64_string":{"9223372036854775807":"x"}}',
      { mapInt64String: { "9223372036854775807": "x" } },
      "64 bits as keys",
    ],
    ['{"map_uint32_string":{"-1":"x"}}', `map_uint32_string["-1"] has a key that ${UINT32}`, "unsigned"],
    [
      '{"map_uint64_string":{"18446744073709551615":"x"}}',
      { mapUint64String: { "18446744073709551615": "x" } },
      "to the last",
    ],
    ['{"map_sint32_string":{"1":"x"}}', { mapSint32String: { 1: "x" } }, "every integer type"],
    ['{"map_sint64_string":{"-1":"x"}}', { mapSint64String: { "-1": "x" } }, "of every"],
    ['{"map_fixed32_string":{"1":"x"}}', { mapFixed32String: { 1: "x" } }, "wire"],
    ['{"map_fixed64_string":{"1":"x"}}', { mapFixed64String: { "1": "x" } }, "format"],
    ['{"map_sfixed32_string":{"-1":"x"}}', { mapSfixed32String: { [-1]: "x" } }, "may be"],
    ['{"map_sfixed64_string":{"-1":"x"}}', { mapSfixed64String: { "-1": "x" } }, "a key"],
    ['{"map_bool_string":{"true":"x","false":"y"}}', { mapBoolString: { true: "x", false: "y" } }, "so may bool"],
    ['{"map_bool_string":{"1":"x"}}', 'map_bool_string["1"] has a key that must be true or false', "by its two words"],
    ['{"map_string_nested":{"a b":{"count":"x"}}}', `map_string_nested["a b"].count ${WHOLE}`, "messages as values"],
    ['{"map_string_color":{"a":"Red"}}', { mapStringColor: { a: 1 } }, "enums as values", "differs"],
    [
      '{"map_string_timestamp":{"a":"1970-01-01T00:00:01Z"}}',
      { mapStringTimestamp: { a: create(TimestampSchema, { seconds: 1n }) } },
      "well-known types as values",
    ],
  ]);
});

describe("oneofs", () => {
  check([
    ['{"oneof_string":""}', { choice: { case: "oneofString", value: "" } }, "a member has presence"],
    ['{"oneof_int32":1,"oneof_string":null}', { choice: { case: "oneofInt32", value: 1 } }, "null is no member"],
    ['{"oneof_string":null,"oneof_int32":1}', { choice: { case: "oneofInt32", value: 1 } }, "in either order"],
    [
      '{"oneof_int32":1,"oneof_string":"x"}',
      "oneof_string cannot be sent together with oneof_int32",
      "the last does not win",
    ],
    [
      '{"oneof_nested":{},"oneof_int32":0}',
      "oneof_int32 cannot be sent together with oneof_nested",
      "zero is sent, too",
    ],
    ['{"oneof_null":null}', { choice: { case: "oneofNull", value: 0 } }, "null is what a NullValue has"],
    ['{"oneof_null":"NULL_VALUE"}', { choice: { case: "oneofNull", value: 0 } }, "or its name"],
    ['{"oneof_color":"navy"}', { choice: { case: "oneofColor", value: 2 } }, "enums", "differs"],
    [
      '{"oneof_value":null}',
      { choice: { case: "oneofValue", value: { kind: { case: "nullValue", value: 0 } } } },
      "a Value that is null is set",
    ],
  ]);
});

const timestamp = (seconds: bigint, nanos = 0): Init => ({ timestamp: create(TimestampSchema, { seconds, nanos }) });
const duration = (seconds: bigint, nanos = 0): Init => ({ duration: create(DurationSchema, { seconds, nanos }) });
const NO_TIME = "must be an RFC 3339 timestamp such as 2026-01-31T12:00:00Z";
const NO_DURATION = "must be a duration in seconds such as 1.5s";
const NO_MASK = "must be field names joined by commas";

describe("Timestamp", () => {
  check([
    ['{"timestamp":"1970-01-01T00:00:00Z"}', timestamp(0n), "the epoch is set, not absent"],
    ['{"timestamp":"1970-01-01T00:00:00.123456789Z"}', timestamp(0n, 123_456_789), "nanoseconds"],
    ['{"timestamp":"1969-12-31T23:59:59.5Z"}', timestamp(-1n, 500_000_000), "nanos count forward before the epoch"],
    ['{"timestamp":"1970-01-01T01:00:00+01:00"}', timestamp(0n), "an offset is subtracted"],
    ['{"timestamp":"1969-12-31T23:30:00-00:30"}', timestamp(0n), "or added"],
    ['{"timestamp":"2024-02-29T00:00:00Z"}', timestamp(1_709_164_800n), "a leap day"],
    ['{"timestamp":"0001-01-01T00:00:00Z"}', timestamp(-62_135_596_800n), "the first second there is"],
    ['{"timestamp":"9999-12-31T23:59:59.999999999Z"}', timestamp(253_402_300_799n, 999_999_999), "the last"],
    ['{"timestamp":"0001-01-01T00:00:00+00:01"}', `timestamp ${NO_TIME}`, "an offset must not leave the range"],
    ['{"timestamp":"9999-12-31T23:59:59-00:01"}', `timestamp ${NO_TIME}`, "at either end"],
    ['{"timestamp":"0000-01-01T00:00:00Z"}', `timestamp ${NO_TIME}`, "there was no year 0"],
    [
      '{"timestamp":"2023-02-29T00:00:00Z"}',
      `timestamp ${NO_TIME}`,
      "no leap year; Date.parse takes it for 1 March",
      "differs",
    ],
    ['{"timestamp":"2024-04-31T00:00:00Z"}', `timestamp ${NO_TIME}`, "April has 30 days", "differs"],
    ['{"timestamp":"2024-13-01T00:00:00Z"}', `timestamp ${NO_TIME}`, "twelve months"],
    ['{"timestamp":"2024-01-01T24:00:00Z"}', `timestamp ${NO_TIME}`, "RFC 3339 has no hour 24", "differs"],
    ['{"timestamp":"2016-12-31T23:59:60Z"}', `timestamp ${NO_TIME}`, "protobuf smears leap seconds, it has none"],
    ['{"timestamp":"2024-01-01T00:00:00+24:00"}', `timestamp ${NO_TIME}`, "no such offset"],
    ['{"timestamp":"2024-01-01t00:00:00z"}', `timestamp ${NO_TIME}`, "upper case, as the conformance suite has it"],
    ['{"timestamp":"2024-01-01 00:00:00Z"}', `timestamp ${NO_TIME}`, "a T in the middle"],
    ['{"timestamp":"2024-01-01T00:00:00"}', `timestamp ${NO_TIME}`, "an offset is no matter of taste"],
    ['{"timestamp":"2024-01-01T00:00:00.Z"}', `timestamp ${NO_TIME}`, "a point has digits"],
    ['{"timestamp":"2024-01-01T00:00:00.1234567890Z"}', `timestamp ${NO_TIME}`, "nine at most"],
    ['{"timestamp":"2024-01-01"}', `timestamp ${NO_TIME}`, "a date is no instant"],
    ['{"timestamp":1700000000}', "timestamp must be a string", "nor is a number"],
    ['{"timestamp":{"seconds":1}}', "timestamp must be a string", "nor its own fields"],
  ]);
});

describe("Duration", () => {
  check([
    ['{"duration":"1.5s"}', duration(1n, 500_000_000), "seconds with a fraction"],
    ['{"duration":"-1.5s"}', duration(-1n, -500_000_000), "both parts have the sign"],
    ['{"duration":"-0.000000001s"}', duration(0n, -1), "also where the seconds are zero"],
    ['{"duration":"0s"}', duration(0n), "zero is set"],
    ['{"duration":"315576000000s"}', duration(315_576_000_000n), "ten thousand years"],
    ['{"duration":"315576000001s"}', `duration ${NO_DURATION}`, "and no more"],
    ['{"duration":"315576000000.999999999s"}', duration(315_576_000_000n, 999_999_999), "the range is one of seconds"],
    ['{"duration":"1s "}', `duration ${NO_DURATION}`, "nothing behind it", "differs"],
    ['{"duration":"1.0000000001s"}', `duration ${NO_DURATION}`, "nine decimals"],
    ['{"duration":"1m"}', `duration ${NO_DURATION}`, "seconds only"],
    ['{"duration":"1"}', `duration ${NO_DURATION}`, "with their unit"],
    ['{"duration":1}', "duration must be a string", "as a string"],
  ]);
});

const mask = (...paths: string[]): Init => ({ fieldMask: create(FieldMaskSchema, { paths }) });

describe("FieldMask", () => {
  check([
    ['{"field_mask":"fooBar,baz.quxQuux"}', mask("foo_bar", "baz.qux_quux"), "lowerCamel, as ProtoJSON writes it"],
    ['{"field_mask":"foo_bar"}', mask("foo_bar"), "and this API's own names", "differs"],
    ['{"field_mask":""}', mask(), "the empty mask"],
    ['{"field_mask":"a,,b"}', `field_mask ${NO_MASK}`, "no empty path", "differs"],
    ['{"field_mask":"a."}', `field_mask ${NO_MASK}`, "nor a path that ends in a dot", "differs"],
    ['{"field_mask":"a b"}', `field_mask ${NO_MASK}`, "names have no spaces", "differs"],
    ['{"field_mask":"FooBar"}', `field_mask ${NO_MASK}`, "and begin in lower case", "differs"],
    ['{"field_mask":["a"]}', "field_mask must be a string", "one string, no list"],
    ['{"field_mask":{"paths":["a"]}}', "field_mask must be a string", "not its own fields"],
  ]);
});

describe("Struct, Value, ListValue, NullValue, Empty, Any", () => {
  const DEEP = { a: [1, "x", null, { b: true }] };
  check([
    [`{"struct":${JSON.stringify(DEEP)}}`, { struct: DEEP }, "JSON as it is"],
    ['{"struct":{}}', { struct: {} }, "empty and set"],
    [
      '{"struct":{"__proto__":{"x":1}}}',
      { struct: JSON.parse('{"__proto__":{"x":1}}') },
      "an own property at any depth",
    ],
    ['{"struct":[]}', "struct must be an object", "a Struct is an object"],
    ['{"struct":{"a":[1e400]}}', "struct has a number that is out of range", "no infinity gets in", "differs"],
    ['{"value":null}', { value: { kind: { case: "nullValue", value: 0 } } }, "here null is a value"],
    ['{"value":1.5}', { value: { kind: { case: "numberValue", value: 1.5 } } }, "a number"],
    ['{"value":[]}', { value: { kind: { case: "listValue", value: { values: [] } } } }, "a list"],
    ['{"value":{}}', { value: { kind: { case: "structValue", value: { fields: {} } } } }, "an object"],
    ['{"value":-1e400}', "value has a number that is out of range", "but a number that a double holds", "differs"],
    ['{"list_value":["a"]}', { listValue: { values: [{ kind: { case: "stringValue", value: "a" } }] } }, "a list"],
    ['{"list_value":{}}', "list_value must be an array", "and nothing else"],
    [
      '{"repeated_value":[null,false]}',
      { repeatedValue: [{ kind: { case: "nullValue", value: 0 } }, { kind: { case: "boolValue", value: false } }] },
      "null in a list of Values",
    ],
    [
      '{"map_string_value":{"a":null}}',
      { mapStringValue: { a: { $typeName: "google.protobuf.Value", kind: { case: "nullValue", value: 0 } } } },
      "and in a map of them",
    ],
    ['{"null_value":null}', {}, "null is its one value, and its default"],
    ['{"empty":{}}', { empty: {} }, "an empty object"],
    ['{"empty":{"a":1}}', "empty.a is not a known field", "and really empty"],
    ['{"any":{}}', { any: {} }, "an Any of nothing needs no type"],
    [
      '{"any":{"@type":"type.googleapis.com/google.protobuf.Empty"}}',
      "any cannot be sent as JSON: this API knows no type for it",
      "there is no registry of types, so there is no Any",
    ],
  ]);
});

describe("wrappers", () => {
  check([
    ['{"double_wrapper":0}', { doubleWrapper: 0 }, "set, though zero"],
    ['{"float_wrapper":"1.5"}', { floatWrapper: 1.5 }, "as the scalar"],
    ['{"int64_wrapper":"-5"}', { int64Wrapper: -5n }, "with its range"],
    ['{"uint64_wrapper":"18446744073709551616"}', `uint64_wrapper ${UINT64}`, "and its violations"],
    ['{"int32_wrapper":5}', { int32Wrapper: 5 }, "each"],
    ['{"uint32_wrapper":5}', { uint32Wrapper: 5 }, "of"],
    ['{"bool_wrapper":false}', { boolWrapper: false }, "all"],
    ['{"string_wrapper":""}', { stringWrapper: "" }, "nine"],
    ['{"bytes_wrapper":"AQ=="}', { bytesWrapper: new Uint8Array([1]) }, "types"],
    ['{"int64_wrapper":{"value":"5"}}', `int64_wrapper ${WHOLE}`, "not as the message that it is on the wire"],
  ]);
});
