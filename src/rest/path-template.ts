/** One segment of a template: a literal, exactly one segment (`*`), or zero or more (`**`, always the last). */
export type Segment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "one" }
  | { readonly kind: "many" };

/** A variable and the segments that it captures. */
export interface PathVariable {
  /** Proto field names, from the request message inwards. */
  readonly fieldPath: readonly string[];
  /** The first segment that it captures. */
  readonly start: number;
  /** The segment after the last one that it captures; undefined when it ends with `**`. */
  readonly end: number | undefined;
  /** More than one segment by its template: `%2F` inside is then kept as it is. */
  readonly multiSegment: boolean;
  /** 1-based column in the template, for messages. */
  readonly column: number;
}

/** A parsed `google.api.http` path template. */
export interface PathTemplate {
  /** As it stands in the `.proto`; the route label in metrics and logs. */
  readonly source: string;
  readonly segments: readonly Segment[];
  readonly variables: readonly PathVariable[];
  /** What follows the last `:`, without it; "" for none. */
  readonly verb: string;
}

/** A mistake in a template, and where. */
export class TemplateError extends Error {
  override name = "TemplateError";
  /** 1-based. One more than the template's length when it ends too early. */
  readonly column: number;

  constructor(source: string, column: number, problem: string) {
    super(`"${source}", column ${column}: ${problem}`);
    this.column = column;
  }
}

/**
 * Parses a path template by the grammar of google/api/http.proto:
 *
 *     Template  = "/" Segments [ Verb ] ;
 *     Segments  = Segment { "/" Segment } ;
 *     Segment   = "*" | "**" | LITERAL | Variable ;
 *     Variable  = "{" FieldPath [ "=" Segments ] "}" ;
 *     FieldPath = IDENT { "." IDENT } ;
 *     Verb      = ":" LITERAL ;
 *
 * The grammar leaves LITERAL open. Ours is what RFC 3986 lets stand in a path segment, without the two characters that
 * mean something here (`*` and `:`). A literal is compared with the raw path, byte for byte, so what needs
 * percent-encoding is written in the template exactly as a client sends it.
 *
 * Throws a TemplateError for the first mistake.
 */
export function parsePathTemplate(source: string): PathTemplate {
  return new TemplateParser(source).template();
}

const IDENT = /[A-Za-z_][A-Za-z0-9_]*/y;
const LITERAL = /(?:[A-Za-z0-9\-._~!$&'()+,;=@]|%[0-9A-Fa-f]{2})+/y;
const PERCENT_ENCODED = /(?:%[0-9A-Fa-f]{2})+/g;

/** One method for each rule of the grammar. */
class TemplateParser {
  readonly #scanner: Scanner;
  readonly #segments: Segment[] = [];
  readonly #variables: PathVariable[] = [];
  #inVariable = false;
  #endsWithMany = false;

  constructor(source: string) {
    this.#scanner = new Scanner(source);
  }

  template(): PathTemplate {
    const scanner = this.#scanner;
    if (!scanner.take("/")) scanner.expected('"/"');
    this.#parseSegments();
    const verb = this.#parseVerb();
    if (!scanner.atEnd) scanner.expected(verb === "" ? '"/", ":" or the end' : "the end");
    return { source: scanner.source, segments: this.#segments, variables: this.#variables, verb };
  }

  #parseSegments(): void {
    do this.#parseSegment();
    while (this.#scanner.take("/"));
  }

  #parseSegment(): void {
    const scanner = this.#scanner;
    if (this.#endsWithMany) scanner.fail('"**" must be the last segment');
    if (scanner.take("**")) {
      this.#segments.push({ kind: "many" });
      this.#endsWithMany = true;
    } else if (scanner.take("*")) {
      this.#segments.push({ kind: "one" });
    } else if (scanner.sees("{")) {
      this.#parseVariable();
    } else {
      this.#segments.push({ kind: "literal", text: this.#literalSegment() });
    }
  }

  #parseVariable(): void {
    const scanner = this.#scanner;
    const { column } = scanner;
    if (this.#inVariable) scanner.fail("variables do not nest");
    this.#inVariable = true;
    scanner.take("{");
    const start = this.#segments.length;
    const fieldPath = this.#fieldPath();
    const hasSegments = scanner.take("=");
    if (hasSegments) this.#parseSegments();
    else this.#segments.push({ kind: "one" });
    if (!scanner.take("}")) scanner.expected(hasSegments ? '"/" or "}"' : '".", "=" or "}"');
    this.#inVariable = false;
    this.#addVariable(fieldPath, start, column);
  }

  #addVariable(fieldPath: readonly string[], start: number, column: number): void {
    const name = fieldPath.join(".");
    if (this.#variables.some((other) => other.fieldPath.join(".") === name)) {
      this.#scanner.fail(`the variable "${name}" is there twice`, column);
    }
    const end = this.#endsWithMany ? undefined : this.#segments.length;
    const multiSegment = end === undefined || end - start > 1;
    this.#variables.push({ fieldPath, start, end, multiSegment, column });
  }

  #fieldPath(): readonly string[] {
    const names: string[] = [];
    do names.push(this.#scanner.takeMatch(IDENT) ?? this.#scanner.expected("a field name"));
    while (this.#scanner.take("."));
    return names;
  }

  #parseVerb(): string {
    if (!this.#scanner.take(":")) return "";
    return this.#literal("a verb");
  }

  #literalSegment(): string {
    const { column } = this.#scanner;
    const text = this.#literal('"*", "**", a literal or a variable');
    // Every URL parser resolves such a segment before the request is sent, and again when it arrives.
    if (text === "." || text === "..") this.#scanner.fail(`no request can have the segment "${text}"`, column);
    return text;
  }

  #literal(expectation: string): string {
    const scanner = this.#scanner;
    const { column } = scanner;
    const text = scanner.takeMatch(LITERAL) ?? scanner.expected(expectation);
    for (const [encoded] of text.matchAll(PERCENT_ENCODED)) {
      const sent = asSent(encoded);
      if (sent !== encoded) {
        scanner.fail(
          `"${encoded}" ${sent === undefined ? "is not UTF-8" : `is sent as "${sent}"`}: write that`,
          column,
        );
      }
    }
    return text;
  }
}

/** How clients write what is encoded here; undefined for bytes that are not UTF-8. */
function asSent(encoded: string): string | undefined {
  try {
    return encodeURIComponent(decodeURIComponent(encoded));
  } catch {
    return undefined;
  }
}

/** Knows characters and where it is, and nothing of the grammar. */
class Scanner {
  readonly source: string;
  #position = 0;

  constructor(source: string) {
    this.source = source;
  }

  /** 1-based. */
  get column(): number {
    return this.#position + 1;
  }

  get atEnd(): boolean {
    return this.#position === this.source.length;
  }

  sees(text: string): boolean {
    return this.source.startsWith(text, this.#position);
  }

  take(text: string): boolean {
    if (!this.sees(text)) return false;
    this.#position += text.length;
    return true;
  }

  /** What a sticky expression matches here; undefined, and nothing taken, for no match. */
  takeMatch(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.#position;
    const text = sticky.exec(this.source)?.[0];
    this.#position += text?.length ?? 0;
    return text;
  }

  expected(expectation: string): never {
    const next = this.source.codePointAt(this.#position);
    const found = next === undefined ? "the end" : `"${String.fromCodePoint(next)}"`;
    this.fail(`expected ${expectation}, found ${found}`);
  }

  fail(problem: string, column = this.column): never {
    throw new TemplateError(this.source, column, problem);
  }
}
