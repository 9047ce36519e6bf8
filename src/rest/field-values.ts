import { create, type DescEnum, type DescField, type DescMessage, type ScalarType } from "@bufbuild/protobuf";
import { scalarZeroValue } from "@bufbuild/protobuf/reflect";
import { AnySchema, isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { enumReader } from "./enum-values.ts";
import { EMPTY_OBJECT, type Json } from "./json-reader.ts";
import { Refusal } from "./refusal.ts";
import { type Read, type ScalarReader, scalarReader } from "./scalar-values.ts";
import { toListValue, toPlainObject, toValue } from "./struct-values.ts";
import { parseDuration, parseFieldMask, parseTimestamp } from "./well-known-values.ts";

/** How one value is read that has no fields of its own in JSON: a scalar, an enum or a well-known type. */
export interface ValueReader {
  readonly fromJson: (json: Json) => Read;
  /** Undefined: it has no form as text, and so cannot come from a path or query. */
  readonly fromText: ((text: string) => Read) | undefined;
  /** JSON null is a value of this type, not the absence of one. */
  readonly takesNull: boolean;
}

/** A field's type, or that of its items or of its map's values. */
export interface ValueType {
  readonly scalar: ScalarType | undefined;
  readonly enum: DescEnum | undefined;
  readonly message: DescMessage | undefined;
  readonly longAsString: boolean;
  /** protobuf-es keeps a wrapper in a singular field as its bare value. */
  readonly unwrapped: boolean;
}

/** How protobuf-es keeps what a singular field holds. */
export function singularType(field: DescField & { fieldKind: "scalar" | "enum" | "message" }): ValueType {
  const unwrapped = field.fieldKind === "message" && field.oneof === undefined && isWrapperDesc(field.message);
  const { scalar, enum: enumType, message } = field;
  return {
    scalar,
    enum: enumType,
    message,
    longAsString: field.fieldKind === "scalar" && field.longAsString,
    unwrapped,
  };
}

/** How this type is read, or undefined for a message with fields: those are read one by one. */
export function valueReader(type: ValueType): ValueReader | undefined {
  if (type.scalar !== undefined) return named(scalarReader(type.scalar, type.longAsString));
  if (type.enum?.typeName === "google.protobuf.NullValue") return nullReader(type.enum);
  if (type.enum !== undefined) return named(enumReader(type.enum));
  return type.message && wellKnownReader(type.message, type.unwrapped);
}

/** What stands in a list for an item that was refused, so that the indices after it stay right. */
export function blank({ scalar, message, longAsString }: ValueType): unknown {
  if (scalar !== undefined) return scalarZeroValue(scalar, longAsString);
  return message === undefined ? 0 : create(message);
}

/** Whether a message has a JSON form other than an object of its fields. */
export function isWellKnown(desc: DescMessage): boolean {
  return wellKnownReader(desc, false) !== undefined;
}

const NOT_A_STRING = new Refusal("must be a string");
const NOT_AN_OBJECT = new Refusal("must be an object");
const NOT_AN_ARRAY = new Refusal("must be an array");
const OUT_OF_RANGE = new Refusal("has a number that is out of range");
const NO_ANY = new Refusal("cannot be sent as JSON: this API knows no type for it");

function wellKnownReader(desc: DescMessage, unwrapped: boolean): ValueReader | undefined {
  switch (desc.typeName) {
    case "google.protobuf.Timestamp":
      return textual(parseTimestamp);
    case "google.protobuf.Duration":
      return textual(parseDuration);
    case "google.protobuf.FieldMask":
      return textual(parseFieldMask);
    case "google.protobuf.Struct":
      return jsonOnly((json) => (json instanceof Map ? (toPlainObject(json) ?? OUT_OF_RANGE) : NOT_AN_OBJECT));
    case "google.protobuf.ListValue":
      return jsonOnly((json) => (Array.isArray(json) ? (toListValue(json) ?? OUT_OF_RANGE) : NOT_AN_ARRAY));
    case "google.protobuf.Value":
      return { ...jsonOnly((json) => toValue(json) ?? OUT_OF_RANGE), takesNull: true };
    case "google.protobuf.Any":
      return jsonOnly((json) => (json === EMPTY_OBJECT ? create(AnySchema) : NO_ANY));
    default:
      return isWrapperDesc(desc) ? wrapperReader(desc, unwrapped) : undefined;
  }
}

function wrapperReader(desc: DescMessage, unwrapped: boolean): ValueReader | undefined {
  const inner = desc.fields[0];
  if (inner?.fieldKind !== "scalar") return undefined;
  const reader = named(scalarReader(inner.scalar));
  if (unwrapped) return reader;
  const wrap = (value: Read): Read => (value instanceof Refusal ? value : create(desc, { value }));
  return {
    fromJson: (json) => wrap(reader.fromJson(json)),
    fromText: (text) => wrap(reader.fromText(text)),
    takesNull: false,
  };
}

function named(reader: ScalarReader): ValueReader & ScalarReader {
  return { ...reader, takesNull: false };
}

/** JSON null is NULL_VALUE itself. */
function nullReader(desc: DescEnum): ValueReader {
  const reader = enumReader(desc);
  return { ...reader, fromJson: (json) => (json === null ? 0 : reader.fromJson(json)), takesNull: true };
}

function textual(parse: (text: string) => Read): ValueReader {
  return {
    fromJson: (json) => (typeof json === "string" ? parse(json) : NOT_A_STRING),
    fromText: parse,
    takesNull: false,
  };
}

function jsonOnly(fromJson: (json: Json) => Read): ValueReader {
  return { fromJson, fromText: undefined, takesNull: false };
}
