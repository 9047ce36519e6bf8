/**
 * ProtoJSON out, compiled once for each message type. Which of ProtoJSON's choices this API makes is decided here and
 * nowhere else:
 *
 * - fields have their names from the `.proto`, in its order;
 * - fields without presence are always there, with their default, and so are empty lists and maps; what is not set and
 *   can be told from the default (`optional`, messages, members of a oneof) is left out and never null;
 * - enum values go by their name without the shared prefix.
 *
 * Text is written straight away. protobuf-es' toJson builds objects for JSON.stringify to read again, and looks at its
 * options for each field. Generated source would be faster still, but Workers forbid it.
 */
import type { DescField, DescFile, DescMessage, Message, MessageShape } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { fieldReader } from "../contract/field-reader.ts";
import { anyWriter, type PackedWriter } from "./json-writer-any.ts";
import { enumWriter, scalarWriter, type WriteJson } from "./json-writer-scalars.ts";
import { wellKnownWriter, writeItems, writeJsonValue, writeMembers } from "./json-writer-well-known.ts";

/**
 * Compiles the writer of a message type. What protobuf can carry and JSON cannot (a Timestamp in the year 10000, an Any
 * of a type that neither `root` nor its imports declare) makes the writer throw a GatewayError, UPSTREAM_ERROR.
 */
export function compileJsonWriter<Desc extends DescMessage>(
  type: Desc,
  root: DescFile = type.file,
): WriteJson<MessageShape<Desc>> {
  return messageWriter(type, { root, writers: new Map() }).write as WriteJson<MessageShape<Desc>>;
}

/** Compiles the writer of one field's value, given the message that has it: what `response_body` answers. */
export function compileFieldJsonWriter(field: DescField, root: DescFile = field.parent.file): WriteJson<Message> {
  const write = fieldWriter(field, { root, writers: new Map() });
  const read = fieldReader(field);
  const absent = textOfAbsent(field);
  return (message) => {
    const value = read(message);
    return value === undefined ? absent : write(value);
  };
}

/** The types that have been compiled, so that a message can hold itself. */
interface Scope {
  readonly root: DescFile;
  readonly writers: Map<DescMessage, PackedWriter>;
}

function messageWriter(type: DescMessage, scope: Scope): PackedWriter {
  const known = scope.writers.get(type);
  if (known !== undefined) return known;
  const own = type.typeName === "google.protobuf.Any" ? anyWriterIn(scope) : wellKnownWriter(type);
  if (own !== undefined) {
    const writer = { hasOwnForm: true, write: own };
    scope.writers.set(type, writer);
    return writer;
  }
  const fields: AppendField[] = [];
  const write = (message: Message, opening = "{"): string => {
    let text = opening;
    for (let index = 0; index < fields.length; index++) text = fields[index]!(text, message);
    return `${text}}`;
  };
  const writer = { hasOwnForm: false, write };
  scope.writers.set(type, writer);
  for (const field of type.fields) fields.push(fieldAppender(field, scope));
  return writer;
}

function anyWriterIn(scope: Scope): WriteJson {
  return anyWriter(scope.root, (type) => messageWriter(type, scope)) as WriteJson;
}

/** Adds a field to the text of an unfinished object, or leaves the text as it is. */
type AppendField = (text: string, message: Message) => string;

function fieldAppender(field: DescField, scope: Scope): AppendField {
  const write = fieldWriter(field, scope);
  const read = fieldReader(field);
  const first = `${JSON.stringify(field.name)}:`;
  const further = `,${first}`;
  return (text, message) => {
    const value = read(message);
    return value === undefined ? text : text + (text.length === 1 ? first : further) + write(value);
  };
}

function fieldWriter(field: DescField, scope: Scope): WriteJson {
  const write = elementWriter(field, scope);
  switch (field.fieldKind) {
    case "list":
      return ((items: readonly unknown[]) => writeItems(items, write)) as WriteJson;
    case "map":
      return ((entries: Readonly<Record<string, unknown>>) => writeMembers(entries, write)) as WriteJson;
    default:
      return write;
  }
}

/** The writer of a field's value, or of each value of a list or map. */
function elementWriter(field: DescField, scope: Scope): WriteJson {
  if (field.scalar !== undefined) return scalarWriter(field.scalar);
  if (field.enum !== undefined) return enumWriter(field.enum);
  // In two cases protobuf-es keeps something simpler than the message in the field.
  if (field.message.typeName === "google.protobuf.Struct" && field.parent.typeName !== "google.protobuf.Value") {
    return writeJsonValue as WriteJson;
  }
  if (field.fieldKind === "message" && field.oneof === undefined && isWrapperDesc(field.message)) {
    return scalarWriter(field.message.fields[0]!.scalar!);
  }
  return messageWriter(field.message, scope).write as WriteJson;
}

/** An answer needs a body where an object would just leave a member out: `{}` if it would have been an object. */
function textOfAbsent(field: DescField): string {
  if (field.fieldKind !== "message") return "null";
  const { typeName } = field.message;
  const isObject = typeName === "google.protobuf.Struct" || wellKnownWriter(field.message) === undefined;
  return isObject ? "{}" : "null";
}
