/**
 * Scalars and enums as JSON text, by https://protobuf.dev/programming-guides/json/. The value types are those of
 * protobuf-es; nothing is checked, because what was decoded from the wire or made with `create` has the right type.
 */
import { type DescEnum, ScalarType } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { shortName } from "../contract/enum-names.ts";

/** Writes one value as JSON text. */
export type WriteJson<T = unknown> = (value: T) => string;

/** The writer of a scalar type. */
export function scalarWriter(type: ScalarType): WriteJson {
  switch (type) {
    case ScalarType.STRING:
      return writeString as WriteJson;
    case ScalarType.BYTES:
      return writeBytes as WriteJson;
    case ScalarType.DOUBLE:
      return writeDouble as WriteJson;
    case ScalarType.FLOAT:
      return writeFloat as WriteJson;
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      // A JSON number would lose digits beyond 2^53 in every JavaScript client.
      return (value) => `"${value}"`;
    case ScalarType.BOOL:
    case ScalarType.INT32:
    case ScalarType.UINT32:
    case ScalarType.SINT32:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return String;
  }
}

/** The writer of an enum: names without the shared prefix, and the number for a value that has no name here. */
export function enumWriter(type: DescEnum): WriteJson {
  if (type.typeName === "google.protobuf.NullValue") return () => "null";
  const names = new Map<number, string>();
  for (const value of type.values) {
    // Of values that share a number (allow_alias) the first declared names it.
    if (!names.has(value.number)) names.set(value.number, writeString(shortName(value)));
  }
  return ((number: number) => names.get(number) ?? String(number)) as WriteJson;
}

// Lone surrogates need an escape, and pairs are not told apart from them here: JSON.stringify does that.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what JSON escapes
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

/** Up to here a look for something to escape costs less than JSON.stringify, measured with bench/json-writer.ts. */
const SHORT = 64;

export function writeString(text: string): string {
  return text.length > SHORT || ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}

function writeBytes(bytes: Uint8Array): string {
  return `"${base64Encode(bytes)}"`;
}

export function writeDouble(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? "-0" : String(value);
  return `"${value}"`;
}

/** Beneath it a float has fewer than 24 bits, and may be told apart by less than six digits. */
const SMALLEST_NORMAL_FLOAT = 2 ** -126;

/**
 * A float in the fewest digits that read back as the same float: 0.1, where its nearest double would be
 * 0.10000000149011612. Six digits always survive a normal float and nine always identify one.
 */
function writeFloat(value: number): string {
  const float = Math.fround(value);
  if (Number.isSafeInteger(float) || !Number.isFinite(float)) return writeDouble(float);
  for (let digits = Math.abs(float) < SMALLEST_NORMAL_FLOAT ? 1 : 6; digits < 9; digits++) {
    const shorter = Number(float.toPrecision(digits));
    if (Math.fround(shorter) === float) return String(shorter);
  }
  return String(Number(float.toPrecision(9)));
}
