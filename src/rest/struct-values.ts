import { create } from "@bufbuild/protobuf";
import {
  type ListValue,
  ListValueSchema,
  NullValue,
  type Struct,
  StructSchema,
  type Value,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import { type Json, JsonNumber, type JsonObject } from "./json-reader.ts";
import { setOwn } from "./message-fields.ts";

/**
 * JSON of any shape: google.protobuf.Value, ListValue and Struct. They hold doubles, so a number that is none stops
 * the whole (undefined); the reader of the body has bounded the depth.
 */
export function toValue(json: Json): Value | undefined {
  if (json === null) return create(ValueSchema, { kind: { case: "nullValue", value: NullValue.NULL_VALUE } });
  if (typeof json === "string") return create(ValueSchema, { kind: { case: "stringValue", value: json } });
  if (typeof json === "boolean") return create(ValueSchema, { kind: { case: "boolValue", value: json } });
  if (json instanceof JsonNumber) {
    const value = Number(json.text);
    return Number.isFinite(value) ? create(ValueSchema, { kind: { case: "numberValue", value } }) : undefined;
  }
  if (json instanceof Map) {
    const value = toStruct(json);
    return value && create(ValueSchema, { kind: { case: "structValue", value } });
  }
  const value = toListValue(json as readonly Json[]);
  return value && create(ValueSchema, { kind: { case: "listValue", value } });
}

export function toListValue(items: readonly Json[]): ListValue | undefined {
  const list = create(ListValueSchema);
  for (const item of items) {
    const value = toValue(item);
    if (value === undefined) return undefined;
    list.values.push(value);
  }
  return list;
}

function toStruct(object: JsonObject): Struct | undefined {
  const struct = create(StructSchema);
  for (const [name, member] of object) {
    const value = toValue(member);
    if (value === undefined) return undefined;
    setOwn(struct.fields, name, value);
  }
  return struct;
}

/** Plain JavaScript values: protobuf-es keeps a Struct field so. Undefined for a number that no double holds. */
export function toPlain(json: Json): unknown {
  if (json instanceof JsonNumber) {
    const value = Number(json.text);
    return Number.isFinite(value) ? value : undefined;
  }
  if (json instanceof Map) return toPlainObject(json);
  if (!Array.isArray(json)) return json;
  const items = json.map(toPlain);
  return items.includes(undefined) ? undefined : items;
}

export function toPlainObject(object: JsonObject): Record<string, unknown> | undefined {
  const plain: Record<string, unknown> = {};
  for (const [name, member] of object) {
    const value = toPlain(member);
    if (value === undefined) return undefined;
    setOwn(plain, name, value);
  }
  return plain;
}
