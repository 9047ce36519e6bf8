import type { Violation } from "../errors.ts";

/** One step into a message: a field's proto name, the index of an item, or the key of a map's entry. */
export type PathSegment = string | number | { readonly key: string };

/** Where something is, from the request message inwards. */
export type FieldPath = readonly PathSegment[];

/** What the client calls a field. */
export type Naming = (path: FieldPath) => string;

/** A violation with the place in the request message that it is about. */
export interface Finding extends Violation {
  readonly path: FieldPath;
}

/** An answer lists no more than this: beyond it, a list helps nobody and a hostile body is answered at length. */
export const MAX_VIOLATIONS = 100;

/** `items[3].name`, `labels["a b"]`: as buf.validate writes a field path. */
export function formatPath(path: FieldPath): string {
  let text = "";
  for (const segment of path) {
    if (typeof segment === "number") text += `[${segment}]`;
    else if (typeof segment === "object") text += `[${JSON.stringify(shorten(segment.key))}]`;
    else text += text === "" ? segment : `.${segment}`;
  }
  return text;
}

/** A name that a client made up, cut so that an answer stays short and remains Unicode. */
export function shorten(name: string): string {
  return name.length <= 64 ? name : `${name.slice(0, 63).toWellFormed()}…`;
}

/**
 * Collects what is wrong with a request while somebody walks through it. The walk tells where it is by enter and
 * leave; names are made up only when something is wrong.
 */
export class Violations {
  readonly findings: Finding[] = [];
  readonly #naming: Naming;
  readonly #path: PathSegment[] = [];

  constructor(naming: Naming = formatPath) {
    this.#naming = naming;
  }

  /** True when more would not be listed, so that a walk over many items may stop. */
  get full(): boolean {
    return this.findings.length >= MAX_VIOLATIONS;
  }

  enter(segment: PathSegment): void {
    this.#path.push(segment);
  }

  leave(): void {
    this.#path.pop();
  }

  /** The message goes on after the field's name: "must be a string". Without a segment it is about where the walk is. */
  add(message: string, segment?: PathSegment): void {
    if (!this.full) this.addAt(segment === undefined ? this.#path : [...this.#path, segment], message);
  }

  /** For what is found other than by walking, and so may have a name other than a walk would give it. */
  addAt(path: FieldPath, message: string, naming: Naming = this.#naming): void {
    if (this.full) return;
    const field = naming(path);
    this.findings.push({ path: [...path], field, message: field === "" ? `the body ${message}` : message });
  }
}

/** At most MAX_VIOLATIONS of them, as they are answered. */
export function toViolations(findings: readonly Finding[]): Violation[] {
  return findings.slice(0, MAX_VIOLATIONS).map(({ field, message }) => ({ field, message }));
}

/** Whether one of the paths is the other, or lies inside it. */
export function overlap(one: FieldPath, other: FieldPath): boolean {
  const shorter = Math.min(one.length, other.length);
  for (let i = 0; i < shorter; i++) {
    if (!sameSegment(one[i], other[i])) return false;
  }
  return true;
}

function sameSegment(one: PathSegment | undefined, other: PathSegment | undefined): boolean {
  if (typeof one === "object" && typeof other === "object") return one.key === other.key;
  return one === other;
}
