import type { HttpBinding } from "./http-binding.ts";
import type { PathTemplate, Segment } from "./path-template.ts";

/** What a request is matched with. */
export type Route = Pick<HttpBinding, "method" | "template">;

/** A template that has ended goes before `**`, the only segment that can match the same path from there on. */
const ENDED = 0;
const RANK = { literal: 1, one: 2, many: 3 } as const satisfies Record<Segment["kind"], number>;

/**
 * Orders bindings so that the first that matches a request is the one that the library behind Envoy finds: segment by
 * segment a literal before `*` before `**`, then an exact method before `*`. That library walks a tree and goes back
 * where a branch leads nowhere; all templates that match one path differ only in these ranks, so its walk visits them
 * in exactly this order. A template with a verb goes first: its verb is the path's last `:`.
 *
 * Ties are broken by text. No request can match both sides of one, and the order becomes total.
 */
export function comparePrecedence(a: Route, b: Route): number {
  return (
    Number(a.template.verb === "") - Number(b.template.verb === "") ||
    compareSegments(a.template.segments, b.template.segments) ||
    Number(a.method === "*") - Number(b.method === "*") ||
    compareText(shapeOf(a.template), shapeOf(b.template)) ||
    compareText(a.method, b.method)
  );
}

/**
 * What a template matches, without its names: `/v1/{name=shelves/*}` and `/v1/shelves/{id}` have the same shape and
 * match the same paths.
 */
export function shapeOf({ segments, verb }: PathTemplate): string {
  const path = segments.map((segment) => `/${textOf(segment)}`).join("");
  return verb === "" ? path : `${path}:${verb}`;
}

function textOf(segment: Segment): string {
  if (segment.kind === "literal") return segment.text;
  return segment.kind === "one" ? "*" : "**";
}

function compareSegments(a: readonly Segment[], b: readonly Segment[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = rankOf(a[index]) - rankOf(b[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function rankOf(segment: Segment | undefined): number {
  return segment === undefined ? ENDED : RANK[segment.kind];
}

/** By code units: the order must not depend on a locale. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
