import { ScalarType } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { type Json, JsonNumber } from "./json-reader.ts";
import { parseDouble, parseFloat32, parseInteger } from "./number-text.ts";
import { Refusal } from "./refusal.ts";

/** A value as protobuf-es keeps it in a message, or why there is none. */
export type Read = NonNullable<unknown> | Refusal;

/** What one scalar type takes (ProtoJSON), from JSON and from the text of a path or query. */
export interface ScalarReader {
  readonly fromJson: (json: Json) => Read;
  readonly fromText: (text: string) => Read;
}

const NOT_A_BOOL = new Refusal("must be true or false");
const NOT_A_STRING = new Refusal("must be a string");
const NOT_A_NUMBER = new Refusal("must be a number");
const NOT_WHOLE = new Refusal("must be a whole number");
const NOT_BASE64 = new Refusal("must be base64");
const NOT_EXACT = new Refusal("must be written as a string, since JSON numbers are not exact beyond 2^53");

/** Beyond it a JSON number has probably been rounded by whoever wrote it. */
const EXACT = 2n ** 53n;

/** What most integers are: so few plain digits that Number() is exact, and that only the sign can be out of range. */
const SHORT_INTEGER = /^(?:0|-?[1-9][0-9]{0,8})$/;

const BOOL: ScalarReader = {
  fromJson: (json) => (typeof json === "boolean" ? json : NOT_A_BOOL),
  fromText: (text) => (text === "true" || text === "false" ? text === "true" : NOT_A_BOOL),
};

const STRING: ScalarReader = {
  fromJson: (json) => (typeof json === "string" ? json : NOT_A_STRING),
  fromText: (text) => text,
};

const BYTES: ScalarReader = {
  fromJson: (json) => (typeof json === "string" ? decodeBase64(json) : NOT_A_STRING),
  fromText: decodeBase64,
};

/** How a scalar type is read. With longAsString (jstype = JS_STRING) a 64-bit integer is kept as a string. */
export function scalarReader(type: ScalarType, longAsString = false): ScalarReader {
  switch (type) {
    case ScalarType.BOOL:
      return BOOL;
    case ScalarType.STRING:
      return STRING;
    case ScalarType.BYTES:
      return BYTES;
    case ScalarType.DOUBLE:
      return numeric(parseDouble, NOT_A_NUMBER);
    case ScalarType.FLOAT:
      return numeric(parseFloat32, NOT_A_NUMBER);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return numeric(integer32(-(2n ** 31n), 2n ** 31n - 1n), NOT_WHOLE);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return numeric(integer32(0n, 2n ** 32n - 1n), NOT_WHOLE);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return integer64(-(2n ** 63n), 2n ** 63n - 1n, longAsString);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return integer64(0n, 2n ** 64n - 1n, longAsString);
  }
}

function numeric(parse: (text: string) => Read, notOne: Refusal): ScalarReader {
  return {
    fromJson: (json) => {
      if (json instanceof JsonNumber) return parse(json.text);
      return typeof json === "string" ? parse(json) : notOne;
    },
    fromText: parse,
  };
}

function integer32(min: bigint, max: bigint): (text: string) => Read {
  return (text) => {
    const short = shortInteger(text, min);
    if (short !== undefined) return short;
    const value = parseInteger(text, min, max);
    return value instanceof Refusal ? value : Number(value);
  };
}

function shortInteger(text: string, min: bigint): number | undefined {
  if (!SHORT_INTEGER.test(text)) return undefined;
  const value = Number(text);
  return value >= min ? value : undefined;
}

function integer64(min: bigint, max: bigint, asString: boolean): ScalarReader {
  const keep = (value: bigint | Refusal): Read => (asString && typeof value === "bigint" ? String(value) : value);
  const parse = (text: string): bigint | Refusal => {
    const short = shortInteger(text, min);
    return short === undefined ? parseInteger(text, min, max) : BigInt(short);
  };
  return {
    fromText: (text) => keep(parse(text)),
    fromJson: (json) => {
      if (typeof json === "string") return keep(parse(json));
      if (!(json instanceof JsonNumber)) return NOT_WHOLE;
      const value = parse(json.text);
      if (typeof value === "bigint" && (value > EXACT || value < -EXACT)) return NOT_EXACT;
      return keep(value);
    },
  };
}

/** Both alphabets of RFC 4648, with padding or without, as ProtoJSON asks; white space is in neither. */
const BASE64 = /^[A-Za-z0-9+/_-]*(={0,2})$/;

function decodeBase64(text: string): Read {
  const padding = BASE64.exec(text)?.[1];
  if (padding === undefined) return NOT_BASE64;
  const whole = (text.length - padding.length) % 4 !== 1;
  const padded = padding === "" || text.length % 4 === 0;
  return whole && padded ? base64Decode(text) : NOT_BASE64;
}
