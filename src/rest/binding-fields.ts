import type { DescField, DescMessage, DescOneof } from "@bufbuild/protobuf";
import { DurationSchema, FieldMaskSchema, isWrapperDesc, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { HttpBodySchema } from "../gen/google/api/httpbody_pb.ts";
import type { Report } from "./contract-error.ts";
import type { BodyBinding } from "./http-binding.ts";
import { type PathTemplate, type PathVariable, TemplateError } from "./path-template.ts";

/** A variable's fields, from the request message inwards. */
type FieldPath = readonly DescField[];

/** The fields that a template's variables name. What is wrong with one is reported with its column, and it is left out. */
export function variableFields(request: DescMessage, template: PathTemplate, report: Report): readonly FieldPath[] {
  return template.variables
    .map((variable) =>
      variableField(request, variable, (problem) =>
        report(new TemplateError(template.source, variable.column, problem).message),
      ),
    )
    .filter((path) => path !== undefined);
}

function variableField(request: DescMessage, { fieldPath }: PathVariable, report: Report): FieldPath | undefined {
  const path: DescField[] = [];
  let message: DescMessage = request;
  for (const [index, name] of fieldPath.entries()) {
    const field = fieldOf(message, name, report);
    if (field === undefined) return undefined;
    path.push(field);
    if (index === fieldPath.length - 1) break;
    if (field.fieldKind !== "message" || isWellKnown(field.message)) {
      report(`"${name}" ${describe(field)}, so it has no field "${fieldPath[index + 1]}" that a path could name`);
      return undefined;
    }
    message = field.message;
  }
  const field = path.at(-1)!;
  if (hasScalarForm(field)) return path;
  report(`"${field.name}" ${describe(field)}, and a path segment holds one scalar`);
  return undefined;
}

/** By the name in the `.proto`; JSON names are for queries and bodies. */
function fieldOf(message: DescMessage, name: string, report: Report): DescField | undefined {
  const field = message.fields.find((each) => each.name === name);
  if (field === undefined) report(`${message.typeName} has no field "${name}"`);
  return field;
}

/** Google allows primitive fields; we add the well-known types whose JSON is a string, a number or a bool. */
function hasScalarForm(field: DescField): boolean {
  if (field.fieldKind === "enum") return field.enum.typeName !== "google.protobuf.NullValue";
  if (field.fieldKind !== "message") return field.fieldKind === "scalar";
  return SCALAR_MESSAGES.has(field.message.typeName) || isWrapperDesc(field.message);
}

const SCALAR_MESSAGES: ReadonlySet<string> = new Set(
  [TimestampSchema, DurationSchema, FieldMaskSchema].map((message) => message.typeName),
);

/** The fields of these are not what their JSON has, so nothing in them can be named. */
function isWellKnown(message: DescMessage): boolean {
  return message.typeName.startsWith("google.protobuf.");
}

function describe(field: DescField): string {
  if (field.fieldKind === "list") return "is repeated";
  if (field.fieldKind === "map") return "is a map";
  if (field.fieldKind === "message") return `is a ${field.message.typeName}`;
  return field.fieldKind === "enum" ? `is a ${field.enum.typeName}` : "is a scalar";
}

/**
 * Where the body goes. A path variable may lie inside the body's field (`patch: "/v1/{book.name=…}" body: "book"` is
 * how Google's own guidelines write an update); that the body cannot override it is the binder's business.
 */
export function bodyBinding(request: DescMessage, body: string, method: string, report: Report): BodyBinding {
  if (body === "") return { kind: "none" };
  if (method === "GET" || method === "DELETE") report(`a ${method} request has no body`);
  if (body === "*") return { kind: "message" };
  if (isHttpBody(request)) report(`the request is a google.api.HttpBody, which is the body as a whole: say body "*"`);
  const field = topLevelField(request, "body", body, report);
  return field === undefined ? { kind: "none" } : { kind: "field", field };
}

/** The field that is answered. It may be repeated: the answer is then a JSON array. */
export function responseField(response: DescMessage, name: string, report: Report): DescField | undefined {
  if (name === "") return undefined;
  if (isHttpBody(response))
    report("the response is a google.api.HttpBody, which is answered as a whole: no response_body");
  return topLevelField(response, "response_body", name, report);
}

function topLevelField(message: DescMessage, option: string, name: string, report: Report): DescField | undefined {
  if (name.includes(".")) {
    report(`${option} "${name}" is no field of ${message.typeName} itself`);
    return undefined;
  }
  const field = fieldOf(message, name, (problem) => report(`${option}: ${problem}`));
  if (field !== undefined && holdsManyHttpBodies(field)) {
    report(`${option} "${name}" holds more than one google.api.HttpBody, and there is one body`);
  }
  return field;
}

function isHttpBody(message: DescMessage): boolean {
  return message.typeName === HttpBodySchema.typeName;
}

function holdsManyHttpBodies(field: DescField): boolean {
  return (field.fieldKind === "list" || field.fieldKind === "map") && !!field.message && isHttpBody(field.message);
}

/**
 * A field has one source: the body's field must not be a variable. And what is bound must be able to be set together:
 * two members of a oneof never are.
 */
export function checkBoundTogether(variables: readonly FieldPath[], body: BodyBinding, report: Report): void {
  const bodyField = body.kind === "field" ? body.field : undefined;
  if (bodyField !== undefined && variables.some((path) => path.length === 1 && path[0] === bodyField)) {
    report(`the body's field "${bodyField.name}" is a path variable too`);
  }
  const bound = bodyField === undefined ? variables : [...variables, [bodyField]];
  for (const [index, path] of bound.entries()) {
    for (const other of bound.slice(0, index)) {
      const oneof = sharedOneof(other, path);
      if (oneof === undefined) continue;
      report(`"${nameOf(other)}" and "${nameOf(path)}" are in the oneof "${oneof.name}", which holds one of them`);
    }
  }
}

function sharedOneof(a: FieldPath, b: FieldPath): DescOneof | undefined {
  const fork = a.findIndex((field, index) => field !== b[index]);
  const oneof = a[fork]?.oneof;
  return oneof !== undefined && oneof === b[fork]?.oneof ? oneof : undefined;
}

function nameOf(path: FieldPath): string {
  return path.map((field) => field.name).join(".");
}
