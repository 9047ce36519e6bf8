import type { DescEnum, DescEnumValue } from "@bufbuild/protobuf";

/** A value's name without the prefix that its enum's values share: `IDLE` of `USER_PRESENCE_STATUS_IDLE`. */
export function shortName(value: DescEnumValue): string {
  const prefix = value.parent.sharedPrefix;
  return prefix === undefined ? value.name : value.name.slice(prefix.length);
}

/** The short names of all values but the one that says nothing. */
export function specifiedNames(desc: DescEnum): string[] {
  return desc.values.filter((value) => value.number !== 0).map(shortName);
}
