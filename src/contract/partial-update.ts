import type { DescField, DescMessage, DescMethod } from "@bufbuild/protobuf";
import { getOption, hasOption } from "@bufbuild/protobuf";
import { protoSnakeCase } from "@bufbuild/protobuf/reflect";
import { http } from "../gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../gen/google/api/http_pb.ts";
import type { RpcPolicy } from "./policy.ts";

/** A request that changes some fields of a message (AIP-134). */
export interface PartialUpdate {
  /** The request's one FieldMask. */
  readonly mask: DescField & { message: DescMessage };
  /** The field whose message has the changes; the mask's paths begin in it. */
  readonly changes: DescField & { message: DescMessage };
}

/**
 * The two fields of a partial update whose changes are in the named field, or undefined: then the request has no
 * FieldMask, or several, and a call replaces what it is sent.
 */
export function partialUpdate(input: DescMessage, changesField: string): PartialUpdate | undefined {
  const [mask, ...more] = input.fields.filter(isFieldMask);
  const changes = input.fields.find((field) => field.name === changesField);
  if (mask === undefined || more.length > 0 || changes === undefined) return undefined;
  return isMessageField(changes) && changes !== mask ? { mask, changes } : undefined;
}

/** The partial update that an rpc is, over any protocol: its HTTP rule is a PATCH, or its policy says so. */
export function partialUpdateOf(method: DescMethod, policy: RpcPolicy): PartialUpdate | undefined {
  if (!hasOption(method, http)) return undefined;
  const first = getOption(method, http);
  const rule = [first, ...first.additionalBindings].find((candidate) => policy.partial || isPatch(candidate));
  return rule && partialUpdate(method.input, rule.body);
}

function isPatch(rule: HttpRule): boolean {
  return rule.pattern.case === "patch" || (rule.pattern.case === "custom" && rule.pattern.value.kind === "PATCH");
}

function isFieldMask(field: DescField): field is DescField & { fieldKind: "message"; message: DescMessage } {
  return isMessageField(field) && field.message.typeName === "google.protobuf.FieldMask";
}

function isMessageField(field: DescField): field is DescField & { fieldKind: "message"; message: DescMessage } {
  return field.fieldKind === "message";
}

/** The fields that a mask names, as a tree; "all" stands for a field with everything in it. */
export type MaskTree = Map<string, MaskTree | "all">;

/** Adds a path to a tree. A field that is named whole stays whole. */
export function addToMask(tree: MaskTree, path: readonly string[]): void {
  const [name, ...rest] = path;
  if (name === undefined) return;
  const present = tree.get(name);
  if (present === "all") return;
  if (rest.length === 0) {
    tree.set(name, "all");
    return;
  }
  const inner = present ?? new Map();
  tree.set(name, inner);
  addToMask(inner, rest);
}

/**
 * The fields of a mask's path, or undefined where there are none. A path ends at a repeated field, a map and a
 * well-known type: those are changed as a whole. A name is the field's own or its JSON name in snake case, since a
 * mask in JSON is lowerCamel and the two are told apart by nothing but letters.
 */
export function fieldsOfPath(desc: DescMessage, path: readonly string[]): DescField[] | undefined {
  if (path.length > LONGEST_PATH) return undefined;
  const fields: DescField[] = [];
  let message: DescMessage | undefined = desc;
  for (const name of path) {
    const field: DescField | undefined = message && fieldsByMaskName(message).get(name);
    if (field === undefined) return undefined;
    fields.push(field);
    message = isMessageField(field) && !isWhole(field.message) ? field.message : undefined;
  }
  return fields;
}

/** The path by the fields' own names. What is no path stays as it is: the rules say so. */
export function canonicalMaskPath(desc: DescMessage, path: string): string {
  const fields = fieldsOfPath(desc, path.split("."));
  return fields === undefined ? path : fields.map((field) => field.name).join(".");
}

/** No message is read that is deeper, and a type that contains itself would lead on for as long as somebody writes. */
const LONGEST_PATH = 64;

const maskNames = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

function fieldsByMaskName(desc: DescMessage): ReadonlyMap<string, DescField> {
  const known = maskNames.get(desc);
  if (known !== undefined) return known;
  const names = new Map<string, DescField>();
  for (const field of desc.fields) names.set(protoSnakeCase(field.jsonName), field);
  // Last, so that a field's own name wins.
  for (const field of desc.fields) names.set(field.name, field);
  maskNames.set(desc, names);
  return names;
}

/** Google's own types have no fields that a client could name. */
export function isWhole(desc: DescMessage): boolean {
  return desc.typeName.startsWith("google.protobuf.") || desc.typeName === "google.api.HttpBody";
}
