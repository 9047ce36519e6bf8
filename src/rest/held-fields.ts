import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { FieldPath } from "../contract/violations.ts";

/**
 * The fields of a message that somebody else may not write: a path value is immutable, and a field that the body
 * fills is no query parameter. A message field of which only a part is held has the rest as its own HeldFields.
 */
export type HeldFields = ReadonlyMap<DescField, Hold>;

export type Hold = "path" | "body" | HeldFields;

/** What is wrong with a value for a held field; it goes on after the field's name. */
export const HELD = {
  path: "is set by the path and cannot be sent again",
  body: "is read from the body, not from the query",
} as const;

/** Holds these paths (proto names, from the message inwards). Throws an Error for one that does not exist. */
export function holdFields(
  desc: DescMessage,
  paths: readonly (readonly string[])[],
  hold: "path" | "body",
): HeldFields {
  const held = new Map<DescField, Hold>();
  for (const [name, rests] of groupByFirst(paths)) {
    const field = desc.fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw new Error(`${desc} has no field ${name}`);
    const inner = rests.some((rest) => rest.length === 0) ? undefined : field.message;
    held.set(field, inner === undefined ? hold : holdFields(inner, rests, hold));
  }
  return held;
}

function groupByFirst(paths: readonly (readonly string[])[]): Map<string, string[][]> {
  const groups = new Map<string, string[][]>();
  for (const [name, ...rest] of paths) {
    if (name === undefined) continue;
    groups.set(name, [...(groups.get(name) ?? []), rest]);
  }
  return groups;
}

/** Whether the last field of the path is held, rather than only something inside it. */
export function isHeld(held: HeldFields, path: FieldPath): boolean {
  let level: HeldFields | undefined = held;
  for (const name of path) {
    const hold: Hold | undefined = level && entryByName(level, name);
    if (typeof hold === "string") return true;
    level = hold;
  }
  return false;
}

function entryByName(held: HeldFields, name: FieldPath[number]): Hold | undefined {
  for (const [field, hold] of held) {
    if (field.name === name) return hold;
  }
  return undefined;
}
