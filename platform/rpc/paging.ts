import type { Violation } from "./rules.ts";

/** How many entries a list has unless told, and at most. 0 on the wire is "not told". */
export interface PageLimits {
  default: number;
  max: number;
}

/** The limit to use. */
export function pageLimit(limit: number, { default: usual }: PageLimits): number {
  return limit === 0 ? usual : limit;
}

/** More than the maximum is refused, not cut: a caller that gets less than it asked for would take it for all. */
export function limitWithin(limit: number, { max }: PageLimits): Violation {
  return limit > max ? `limit must be at most ${max}` : undefined;
}
