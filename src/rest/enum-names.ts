import type { DescEnumValue } from "@bufbuild/protobuf";

/**
 * An enum value's name in JSON: without the prefix that all values of its enum share (`OPEN` for
 * `TASK_LIFECYCLE_STATUS_OPEN`), or the whole name where they share none. `localName` would be almost the same, but
 * renames what TypeScript reserves (`constructor`).
 */
export function shortEnumName(value: DescEnumValue): string {
  return value.name.substring(value.parent.sharedPrefix?.length ?? 0);
}
