import { create, type DescField } from "@bufbuild/protobuf";
import type { FieldPath, Violations } from "../contract/violations.ts";
import { type HttpBody, HttpBodySchema } from "../gen/google/api/httpbody_pb.ts";
import { fieldReader, messageReader } from "./bind-json.ts";
import type { HeldFields, Hold } from "./held-fields.ts";
import type { HttpBinding } from "./http-binding.ts";
import { EMPTY_OBJECT, type Json, JsonSyntaxError, readJson } from "./json-reader.ts";
import { type AnyMessage, setField } from "./message-fields.ts";

/** A request's body. Undefined and no bytes are the same: none. */
export interface SentBody {
  readonly body: Uint8Array | undefined;
  readonly contentType: string | undefined;
}

/** Writes the body into a message. Answers the JSON, or undefined where there was none or it could not be read. */
export type BodyBinder = (message: AnyMessage, sent: SentBody, violations: Violations) => Json | undefined;

/** Decides what a binding's body is: nothing, bytes as they are, or JSON for the message or one of its fields. */
export function bodyBinder({ rpc, body }: HttpBinding, pathHeld: HeldFields): BodyBinder {
  if (body.kind === "none") return () => undefined;
  if (body.kind === "message") {
    if (rpc.input.typeName === HttpBodySchema.typeName) {
      if (pathHeld.size > 0) throw new Error(`${rpc.input} is the body and has no field for the path`);
      return (message, sent) => void Object.assign(message, rawBody(sent));
    }
    const read = messageReader(rpc.input);
    // An empty body is `{}`, which adds nothing.
    return jsonBinder(undefined, [], (message, json, violations) => read(message, json, violations, pathHeld));
  }
  const { field } = body;
  if (field.message?.typeName === HttpBodySchema.typeName && field.fieldKind === "message") {
    return (message, sent) => void setField(message, field, rawBody(sent));
  }
  const read = fieldReader(field);
  const inside = insideOf(pathHeld.get(field));
  // The reader says the field's name, and the naming of the violations takes it away again.
  return jsonBinder(takesEmptyObject(field) ? EMPTY_OBJECT : undefined, [field.name], (message, json, violations) =>
    read(message, json, violations, inside),
  );
}

/** A path variable never is the body's field itself, only something inside it. */
function insideOf(hold: Hold | undefined): HeldFields | undefined {
  return typeof hold === "string" ? undefined : hold;
}

/** For a field that is no object in JSON, `{}` would be a mistake that the client did not make. */
function takesEmptyObject(field: DescField): boolean {
  return field.fieldKind === "message" && fieldTakesObject(field.message.typeName);
}

function fieldTakesObject(typeName: string): boolean {
  return !typeName.startsWith("google.protobuf.") || /\.(?:Struct|Empty)$/.test(typeName);
}

function rawBody({ body, contentType }: SentBody): HttpBody {
  return create(HttpBodySchema, { contentType: contentType ?? "", data: body ?? new Uint8Array() });
}

type Bind = (message: AnyMessage, json: Json, violations: Violations) => void;

/** `filled` is what the body fills, and what an unreadable one is about. */
function jsonBinder(whenEmpty: Json | undefined, filled: FieldPath, bind: Bind): BodyBinder {
  return (message, { body }, violations) => {
    const json =
      body === undefined || body.byteLength === 0
        ? whenEmpty
        : parse(body, (problem) => violations.addAt(filled, problem));
    if (json !== undefined) bind(message, json, violations);
    return json;
  };
}

/** Takes a byte order mark away, which RFC 8259 section 8.1 allows: some tools on Windows cannot help writing one. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

function parse(body: Uint8Array, report: (problem: string) => void): Json | undefined {
  let text: string;
  try {
    text = UTF8.decode(body);
  } catch {
    report("is not valid UTF-8");
    return undefined;
  }
  try {
    return readJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    report(`is not valid JSON: ${error.message}`);
    return undefined;
  }
}
