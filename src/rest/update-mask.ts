import { create, type DescMessage } from "@bufbuild/protobuf";
import { type FieldMask, FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { canonicalMaskPath, isWhole, type PartialUpdate } from "../contract/partial-update.ts";
import { shorten, type Violations } from "../contract/violations.ts";
import { HELD, type HeldFields, isHeld } from "./held-fields.ts";
import type { Json, JsonObject } from "./json-reader.ts";
import { type AnyMessage, getField, setField } from "./message-fields.ts";

/**
 * Completes the mask of a partial update. One that the client sent keeps its fields, by their names in the `.proto`;
 * none, or an empty one, becomes the fields that the body has. `json` is undefined where there was no body to read.
 */
export function completeMask(
  { mask, changes }: PartialUpdate,
  pathHeld: HeldFields,
): (message: AnyMessage, json: Json | undefined, violations: Violations) => void {
  return (message, json, violations) => {
    const sent = getField(message, mask) as FieldMask | undefined;
    if (sent === undefined || sent.paths.length === 0) {
      const paths = json instanceof Map ? sentPaths(changes.message, json) : [];
      setField(message, mask, create(FieldMaskSchema, { paths }));
      return;
    }
    sent.paths = sent.paths.map((path) => canonicalMaskPath(changes.message, path));
    const immutable = sent.paths.find((path) => isHeld(pathHeld, [changes.name, ...path.split(".")]));
    if (immutable !== undefined) violations.addAt([mask.name], `names ${shorten(immutable)}, which ${HELD.path}`);
  };
}

/**
 * The paths of the fields that a JSON object has, null included: null says that a field is to be cleared. A message
 * with members is followed inwards; everything else is changed as a whole.
 */
export function sentPaths(desc: DescMessage, object: JsonObject): string[] {
  const paths: string[] = [];
  for (const [name, json] of object) {
    const field = desc.fields.find((candidate) => candidate.name === name || candidate.jsonName === name);
    if (field === undefined) continue;
    const inner = field.fieldKind === "message" && !isWhole(field.message) ? field.message : undefined;
    if (inner === undefined || !(json instanceof Map) || json.size === 0) paths.push(field.name);
    else paths.push(...sentPaths(inner, json).map((path) => `${field.name}.${path}`));
  }
  return paths;
}
