import type { PathTemplate, Segment } from "./path-template.ts";

/**
 * Translates a template into the patterns of Hono's router that together match exactly the same canonical paths.
 *
 * Nothing reads Hono's parameters (values are captured by path-capture.ts), so they are named by position: routes that
 * share a beginning then share a branch of Hono's tree.
 */
export function honoPatterns({ segments, verb }: PathTemplate): readonly string[] {
  const endsWithMany = segments.at(-1)?.kind === "many";
  const single = endsWithMany ? segments.slice(0, -1) : segments;
  if (!endsWithMany) return [singles(single, verb)];
  return verb === "" ? anySegments(single) : anySegmentsWithVerb(single, verb);
}

/** `/a/**`: Hono's `/*` at the end matches no segment as well, as `**` must. */
function anySegments(before: readonly Segment[]): readonly string[] {
  if (before.length > 0) return [`${singles(before, "")}/*`];
  // `/*` alone would be middleware for everything, the unroutable path included.
  return ["/", `/${parameter(0, "[^/].*")}`];
}

/** `/a/**:verb`: without a segment the verb follows `a`, otherwise the last of the segments, which is not empty. */
function anySegmentsWithVerb(before: readonly Segment[], verb: string): readonly string[] {
  const afterColon = escapeRegExp(`:${verb}`);
  const without = before.length > 0 ? singles(before, verb) : `/${parameter(0, afterColon)}`;
  return [without, `${singles(before, "")}/${parameter(before.length, `.*[^/]${afterColon}`)}`];
}

function singles(segments: readonly Segment[], verb: string): string {
  const last = segments.length - 1;
  return segments.map((segment, index) => `/${single(segment, index, index === last ? verb : "")}`).join("");
}

function single(segment: Segment, index: number, verb: string): string {
  if (segment.kind !== "literal") {
    return verb === "" ? parameter(index) : parameter(index, `[^/]+${escapeRegExp(`:${verb}`)}`);
  }
  const text = verb === "" ? segment.text : `${segment.text}:${verb}`;
  return SAFE_IN_PATTERN.test(text) ? text : parameter(index, escapeRegExp(text));
}

/**
 * Hono takes a `:` inside a segment for the beginning of a parameter, and `@1`, `$` or a bracket for marks of its own;
 * a literal that has one becomes a parameter that only this literal satisfies.
 */
const SAFE_IN_PATTERN = /^[A-Za-z0-9\-._~%]+$/;

/** Without an expression: one segment that is not empty. */
function parameter(index: number, expression?: string): string {
  return expression === undefined ? `:s${index}` : `:s${index}{${expression}}`;
}

/** By code, not by backslash: Hono itself looks for `#`, `@`, `$` and brackets in the expressions it is given. */
function escapeRegExp(literal: string): string {
  return literal.replace(/[^A-Za-z0-9_]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
