import { create, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { shorten, type Violations } from "../contract/violations.ts";
import { blank, singularType, type ValueReader, type ValueType, valueReader } from "./field-values.ts";
import { HELD, type HeldFields, type Hold } from "./held-fields.ts";
import type { Json, JsonObject } from "./json-reader.ts";
import { type AnyMessage, childOf, conflict, getField, otherMember, setField, setOwn } from "./message-fields.ts";
import { Refusal } from "./refusal.ts";
import { scalarReader } from "./scalar-values.ts";

/**
 * Reads JSON into one field. The message may have values from the path already; those in `held` cannot be written.
 * What is wrong goes to the violations, and the field then stays as it was.
 */
export type FieldReader = (message: AnyMessage, json: Json, violations: Violations, held?: HeldFields) => void;

/** Reads the members of a JSON object into a message. */
export type MessageReader = (message: AnyMessage, json: Json, violations: Violations, held?: HeldFields) => void;

const NOT_AN_OBJECT = "must be an object";
const NOT_AN_ARRAY = "must be an array";
const IS_NULL = "must not be null";

const readers = new WeakMap<DescMessage, MessageReader>();

/**
 * The reader for a message type by ProtoJSON, stricter: a member that is no field is a violation, and so is a field
 * given by both of its names. Made once per type, since types may contain themselves.
 */
export function messageReader(desc: DescMessage): MessageReader {
  const known = readers.get(desc);
  if (known !== undefined) return known;
  const fields = new Map<string, { field: DescField; read: FieldReader }>();
  const reader: MessageReader = (message, json, violations, held) => {
    if (!(json instanceof Map)) return violations.add(NOT_AN_OBJECT);
    for (const [name, member] of json as JsonObject) {
      if (violations.full) return;
      const entry = fields.get(name);
      if (entry === undefined) violations.add("is not a known field", shorten(name));
      else if (name !== entry.field.name && json.has(entry.field.name))
        violations.add(twice(entry.field), entry.field.name);
      else readHeld(entry, message, member, violations, held?.get(entry.field));
    }
  };
  readers.set(desc, reader);
  for (const field of desc.fields) {
    const entry = { field, read: fieldReader(field) };
    fields.set(field.jsonName, entry).set(field.name, entry);
  }
  return reader;
}

function readHeld(
  { field, read }: { field: DescField; read: FieldReader },
  message: AnyMessage,
  json: Json,
  violations: Violations,
  hold: Hold | undefined,
): void {
  if (typeof hold === "string") violations.add(HELD[hold], field.name);
  else read(message, json, violations, hold);
}

function twice(field: DescField): string {
  return `is sent twice, also as ${field.jsonName}`;
}

/** The reader for one field; `held` is then about the fields inside it. */
export function fieldReader(field: DescField): FieldReader {
  if (field.fieldKind === "list") return listReader(field);
  if (field.fieldKind === "map") return mapReader(field);
  const value = valueReader(singularType(field));
  return value === undefined
    ? messageFieldReader(field as DescField & { message: DescMessage })
    : singularReader(field, value);
}

function singularReader(field: DescField, reader: ValueReader): FieldReader {
  return (message, json, violations) => {
    // Null is the field's absence, which is what it already is.
    if (json === null && !reader.takesNull) return;
    const other = otherMember(message, field);
    if (other !== undefined) return violations.add(conflict(other), field.name);
    const value = reader.fromJson(json);
    if (value instanceof Refusal) violations.add(value.message, field.name);
    else setField(message, field, value);
  };
}

function messageFieldReader(field: DescField & { message: DescMessage }): FieldReader {
  const readMessage = messageReader(field.message);
  return (message, json, violations, held) => {
    if (json === null) return;
    const other = otherMember(message, field);
    if (other !== undefined) return violations.add(conflict(other), field.name);
    violations.enter(field.name);
    readMessage(childOf(message, field), json, violations, held);
    violations.leave();
  };
}

/** Reads one item of a list or one value of a map. A refused one leaves a blank, so that indices stay right. */
type ItemReader = (json: Json, violations: Violations) => unknown;

function itemReader(type: ValueType): ItemReader {
  const reader = valueReader(type);
  if (reader === undefined && type.message !== undefined) return messageItemReader(type.message);
  const { fromJson, takesNull } = reader as ValueReader;
  const none = blank(type);
  const refuse = (problem: string, violations: Violations) => {
    violations.add(problem);
    return none;
  };
  return (json, violations) => {
    if (json === null && !takesNull) return refuse(IS_NULL, violations);
    const value = fromJson(json);
    return value instanceof Refusal ? refuse(value.message, violations) : value;
  };
}

function messageItemReader(desc: DescMessage): ItemReader {
  const readMessage = messageReader(desc);
  return (json, violations) => {
    const item = create(desc) as AnyMessage;
    if (json === null) violations.add(IS_NULL);
    else readMessage(item, json, violations);
    return item;
  };
}

function listReader(field: DescField & { fieldKind: "list" }): FieldReader {
  const { scalar, enum: enumType, message: messageType, longAsString } = itemTypeOf(field);
  const readItem = itemReader({ scalar, enum: enumType, message: messageType, longAsString, unwrapped: false });
  return (message, json, violations) => {
    if (json === null) return;
    if (!Array.isArray(json)) return violations.add(NOT_AN_ARRAY, field.name);
    const items = getField(message, field) as unknown[];
    violations.enter(field.name);
    for (const [index, item] of json.entries()) {
      if (violations.full) break;
      violations.enter(index);
      items.push(readItem(item, violations));
      violations.leave();
    }
    violations.leave();
  };
}

function itemTypeOf(field: DescField & { fieldKind: "list" }) {
  return { ...field, longAsString: field.listKind === "scalar" && field.longAsString };
}

function mapReader(field: DescField & { fieldKind: "map" }): FieldReader {
  const readKey = mapKeyReader(field.mapKey);
  const { scalar, enum: enumType, message: messageType } = field;
  const readItem = itemReader({ scalar, enum: enumType, message: messageType, longAsString: false, unwrapped: false });
  return (message, json, violations) => {
    if (json === null) return;
    if (!(json instanceof Map)) return violations.add(NOT_AN_OBJECT, field.name);
    const entries = getField(message, field) as Record<string, unknown>;
    violations.enter(field.name);
    for (const [name, member] of json as JsonObject) {
      if (violations.full) break;
      violations.enter({ key: name });
      const key = readKey(name);
      if (key instanceof Refusal) violations.add(`has a key that ${key.message}`);
      // 1 and 1.0 are two names in JSON and one key in the map.
      else if (Object.hasOwn(entries, key)) violations.add("is given twice");
      else setOwn(entries, key, readItem(member, violations));
      violations.leave();
    }
    violations.leave();
  };
}

/** Map keys are JSON strings of any integer type, bool, or string; protobuf-es keeps them as property names. */
function mapKeyReader(type: ScalarType): (name: string) => string | Refusal {
  if (type === ScalarType.STRING) return (name) => name;
  const { fromText } = scalarReader(type);
  return (name) => {
    const key = fromText(name);
    return key instanceof Refusal ? key : String(key);
  };
}
