import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { formatPath, type PathSegment, type Violations } from "../contract/violations.ts";
import { blank, isWellKnown, singularType, valueReader } from "./field-values.ts";
import { MAX_DEPTH } from "./json-reader.ts";
import { type AnyMessage, childOf, conflict, getField, otherMember, setField } from "./message-fields.ts";
import { Refusal } from "./refusal.ts";
import type { Read } from "./scalar-values.ts";

/** A field that text can fill: a path variable's or a query parameter's. */
export interface TextField {
  /** From the request message inwards; all but the last are messages. */
  readonly fields: readonly DescField[];
  /** The proto names with dots: what violations call it, however the client spelt it. */
  readonly name: string;
  readonly repeated: boolean;
  readonly read: (text: string) => Read;
  /** What stands in a repeated field for a value that was refused. */
  readonly blank: unknown;
}

type Entry =
  | ({ readonly kind: "text"; readonly field: DescField } & Pick<TextField, "repeated" | "read" | "blank">)
  | { readonly kind: "message"; readonly field: DescField; readonly message: DescMessage }
  | { readonly kind: "json"; readonly field: DescField };

const UNKNOWN = new Refusal("is not a known parameter");
const NOT_TEXT = new Refusal("cannot be sent in the query");

/**
 * Finds the field of a dotted path by proto names or JSON names. Repeated messages, maps and types without a text form
 * are refused: http.proto gives them no place in a query, and grpc-gateway's `map[key]=value` is its own.
 */
export function findTextField(desc: DescMessage, path: readonly string[]): TextField | Refusal {
  // A field path longer than any body is deep would build a message that nothing behind us wants to read.
  if (path.length > MAX_DEPTH) return UNKNOWN;
  const fields: DescField[] = [];
  let message: DescMessage | undefined = desc;
  for (const [index, name] of path.entries()) {
    const entry: Entry | undefined = message && entriesOf(message).get(name);
    if (entry === undefined) return UNKNOWN;
    fields.push(entry.field);
    if (index === path.length - 1) return finish(fields, entry);
    message = entry.kind === "message" ? entry.message : undefined;
  }
  return UNKNOWN;
}

function finish(fields: readonly DescField[], entry: Entry): TextField | Refusal {
  if (entry.kind !== "text") return NOT_TEXT;
  const { repeated, read, blank } = entry;
  return { fields, name: formatPath(fields.map((field) => field.name)), repeated, read, blank };
}

const tables = new WeakMap<DescMessage, ReadonlyMap<string, Entry>>();

/** A type's fields by both of their names, made once per type. */
function entriesOf(desc: DescMessage): ReadonlyMap<string, Entry> {
  const known = tables.get(desc);
  if (known !== undefined) return known;
  const table = new Map<string, Entry>();
  for (const field of desc.fields) {
    const entry = entryOf(field);
    table.set(field.jsonName, entry).set(field.name, entry);
  }
  tables.set(desc, table);
  return table;
}

function entryOf(field: DescField): Entry {
  if (field.fieldKind === "map" || (field.fieldKind === "list" && field.listKind === "message")) {
    return { kind: "json", field };
  }
  const repeated = field.fieldKind === "list";
  const { scalar, enum: enumType } = field;
  const longAsString = repeated && field.listKind === "scalar" && field.longAsString;
  const type = repeated
    ? { scalar, enum: enumType, message: undefined, longAsString, unwrapped: false }
    : singularType(field);
  const read = valueReader(type)?.fromText;
  if (read !== undefined) return { kind: "text", field, repeated, read, blank: blank(type) };
  const { message } = field;
  return message === undefined || isWellKnown(message) ? { kind: "json", field } : { kind: "message", field, message };
}

/** Where the field is, from the request message inwards. */
export function namesOf({ fields }: TextField): string[] {
  return fields.map((field) => field.name);
}

/** Sets the field, or one more item of it, and makes the messages on the way. */
export function setText(message: AnyMessage, target: TextField, text: string, violations: Violations): void {
  const path: PathSegment[] = namesOf(target);
  const refuse = (problem: string) => violations.addAt(path, problem, formatPath);
  let holder = message;
  for (const [index, field] of target.fields.entries()) {
    const other = otherMember(holder, field);
    if (other !== undefined) {
      refuse(conflict(other));
      return;
    }
    if (index < target.fields.length - 1) holder = childOf(holder, field as DescField & { message: DescMessage });
  }
  const field = target.fields.at(-1)!;
  const value = target.read(text);
  const refused = value instanceof Refusal;
  if (target.repeated) path.push((getField(holder, field) as unknown[]).push(refused ? target.blank : value) - 1);
  else if (!refused) setField(holder, field, value);
  if (refused) refuse(value.message);
}
