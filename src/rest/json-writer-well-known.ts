/** The well-known types whose JSON is not an object of their fields. Any is in json-writer-any.ts: it needs the others. */
import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import { type FieldMask, isWrapperDesc, type ListValue, type Struct, type Value } from "@bufbuild/protobuf/wkt";
import { scalarWriter, type WriteJson, writeDouble, writeString } from "./json-writer-scalars.ts";
import { writeDuration, writeTimestamp } from "./json-writer-time.ts";
import { unwritable } from "./unwritable.ts";

/** The writer of a type whose JSON has a form of its own; undefined for all others, Empty among them. */
export function wellKnownWriter(type: DescMessage): WriteJson | undefined {
  switch (type.typeName) {
    case "google.protobuf.Timestamp":
      return writeTimestamp as WriteJson;
    case "google.protobuf.Duration":
      return writeDuration as WriteJson;
    case "google.protobuf.FieldMask":
      return writeFieldMask as WriteJson;
    case "google.protobuf.Struct":
      return writeStruct as WriteJson;
    case "google.protobuf.Value":
      return writeValue as WriteJson;
    case "google.protobuf.ListValue":
      return writeListValue as WriteJson;
    default:
      return isWrapperDesc(type) ? wrapperWriter(type) : undefined;
  }
}

function wrapperWriter(type: DescMessage): WriteJson {
  const write = scalarWriter(type.fields[0]!.scalar!);
  return ((wrapper: { value: unknown }) => write(wrapper.value)) as WriteJson;
}

/** What lowerCamelCase can be read back from: each `_` is followed by a letter, and none was upper case before. */
const REVERSIBLE_PATH = /^(?:[^A-Z_,]|_[a-z])+$/;

/** Lower camel case even here, where fields have their proto names: the mask's JSON form is part of the type. */
function writeFieldMask({ paths }: FieldMask): string {
  for (const path of paths) {
    if (!REVERSIBLE_PATH.test(path)) throw unwritable("google.protobuf.FieldMask", `has the path "${path}"`);
  }
  return writeString(paths.join(",").replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
}

function writeStruct({ fields }: Struct): string {
  return writeMembers(fields, writeValue);
}

function writeListValue({ values }: ListValue): string {
  return writeItems(values, writeValue);
}

function writeValue({ kind }: Value): string {
  switch (kind.case) {
    case "numberValue":
      return writeFinite(kind.value);
    case "stringValue":
      return writeString(kind.value);
    case "boolValue":
      return String(kind.value);
    case "structValue":
      return writeStruct(kind.value);
    case "listValue":
      return writeListValue(kind.value);
    default:
      // A Value without a kind is null too: protobuf-es has already made it so inside every Struct.
      return "null";
  }
}

/** A Struct as protobuf-es keeps it in a field: plain JSON. JSON.stringify would turn its NaN into null in silence. */
export function writeJsonValue(value: JsonValue): string {
  if (typeof value === "string") return writeString(value);
  if (typeof value === "number") return writeFinite(value);
  if (value === null || typeof value === "boolean") return String(value);
  return Array.isArray(value) ? writeItems(value, writeJsonValue) : writeMembers(value, writeJsonValue);
}

function writeFinite(value: number): string {
  if (!Number.isFinite(value)) throw unwritable("google.protobuf.Value", `is ${value}`);
  return writeDouble(value);
}

/** A JSON array. */
export function writeItems<T>(items: readonly T[], write: WriteJson<T>): string {
  let text = "[";
  for (let index = 0; index < items.length; index++) text += (index === 0 ? "" : ",") + write(items[index] as T);
  return `${text}]`;
}

/** A JSON object. Object.keys, not `in`: `__proto__` is a key like any other, if it is the object's own. */
export function writeMembers<T>(members: Readonly<Record<string, T>>, write: WriteJson<T>): string {
  let text = "{";
  for (const key of Object.keys(members)) {
    text += `${text.length === 1 ? "" : ","}${writeString(key)}:${write(members[key] as T)}`;
  }
  return `${text}}`;
}
