import type { FieldMask } from "@bufbuild/protobuf/wkt";

/**
 * Picks for one field of a partial update: the change where the mask names the field, else what is there now. A field
 * that the mask names and the change leaves out is cleared.
 */
export function createMerge(mask: FieldMask | undefined) {
  const named = new Set(mask?.paths);
  return <T>(protoName: string, change: T | undefined, cleared: T, current: T): T =>
    named.has(protoName) ? (change ?? cleared) : current;
}
