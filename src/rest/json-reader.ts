/** A JSON value as it was written: objects keep their names in order, numbers their digits. */
export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject;

/** A JSON object. A Map has no prototype, so that `__proto__` is a name like any other. */
export type JsonObject = ReadonlyMap<string, Json>;

/**
 * A JSON number by its text. Only the field that it is for knows what it may become: a double rounds it, a 64-bit
 * integer must not.
 */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Text that is not JSON. Line and column count from 1; the text itself is never part of the message. */
export class JsonSyntaxError extends Error {
  override name = "JsonSyntaxError";

  constructor(text: string, at: number, expected: string) {
    const before = text.slice(0, at);
    const line = before.split("\n").length;
    const column = at - before.lastIndexOf("\n");
    super(`line ${line}, column ${column}: ${expected}`);
  }
}

/** How many objects and arrays may lie in one another. It bounds every recursion over the result, too. */
export const MAX_DEPTH = 64;

/** Every `{}` is this one: a body of nothing else must not cost a Map for every two bytes of it. */
export const EMPTY_OBJECT: JsonObject = new Map();

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** Up to the closing quote, the next escape, or a control character, which a JSON string may not hold. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what ends the run.
const PLAIN = /[^"\\\u0000-\u001f]*/y;

/**
 * Reads RFC 8259 JSON in linear time. Throws a JsonSyntaxError for anything else, and beyond the grammar for a name
 * given twice in one object, for strings that are not Unicode (a lone surrogate) and for more than MAX_DEPTH levels.
 *
 * JSON.parse is about twice as fast and cannot do it: it keeps the last of two values for one name, and rounds
 * numbers before anyone can see them.
 */
export function readJson(text: string): Json {
  return new Reader(text).document();
}

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Json {
    const value = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#expected("nothing more was expected");
    return value;
  }

  #value(): Json {
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case '"':
        return this.#string();
      case "{":
        return this.#object();
      case "[":
        return this.#array();
      case "t":
        return this.#literal("true", true);
      case "f":
        return this.#literal("false", false);
      case "n":
        return this.#literal("null", null);
      default:
        return this.#number();
    }
  }

  #object(): JsonObject {
    this.#open();
    if (this.#takeAfterSpace("}")) return this.#close(EMPTY_OBJECT);
    const members = new Map<string, Json>();
    do {
      this.#skipSpace();
      const start = this.#at;
      if (this.#text[start] !== '"') throw this.#expected("a name in double quotes was expected");
      const name = this.#string();
      if (members.has(name)) throw new JsonSyntaxError(this.#text, start, "this name was given before");
      if (!this.#takeAfterSpace(":")) throw this.#expected("a colon was expected");
      members.set(name, this.#value());
    } while (this.#takeAfterSpace(","));
    if (!this.#takeAfterSpace("}")) throw this.#expected("a comma or a closing brace was expected");
    return this.#close(members);
  }

  #array(): readonly Json[] {
    this.#open();
    const items: Json[] = [];
    if (this.#takeAfterSpace("]")) return this.#close(items);
    do {
      items.push(this.#value());
    } while (this.#takeAfterSpace(","));
    if (!this.#takeAfterSpace("]")) throw this.#expected("a comma or a closing bracket was expected");
    return this.#close(items);
  }

  #string(): string {
    const start = this.#at;
    let escaped = false;
    this.#at += 1;
    while (!this.#take('"', PLAIN)) {
      if (this.#text[this.#at] !== "\\") throw this.#expected("the end of the string was expected");
      escaped = true;
      this.#at += 2;
    }
    if (!escaped) return this.#text.slice(start + 1, this.#at - 1);
    const value = decodeEscapes(this.#text.slice(start, this.#at));
    if (value === undefined)
      throw new JsonSyntaxError(this.#text, start, "this string has an escape that is not JSON's");
    if (!value.isWellFormed()) throw new JsonSyntaxError(this.#text, start, "this string is not Unicode");
    return value;
  }

  #number(): JsonNumber {
    const start = this.#at;
    this.#skip(NUMBER);
    if (this.#at === start) throw this.#expected("a value was expected");
    return new JsonNumber(this.#text.slice(start, this.#at));
  }

  #literal<T extends Json>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#expected("a value was expected");
    this.#at += word.length;
    return value;
  }

  #open(): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.#expected(`at most ${MAX_DEPTH} levels were expected`);
    this.#at += 1;
  }

  #close<T extends Json>(value: T): T {
    this.#depth -= 1;
    return value;
  }

  #takeAfterSpace(character: string): boolean {
    return this.#text[this.#at] === character ? this.#take(character) : this.#take(character, SPACE);
  }

  #take(character: string, after?: RegExp): boolean {
    if (after !== undefined) this.#skip(after);
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    // Mostly there is none, and asking the expression costs more than the rest of a short value.
    if (this.#text.charCodeAt(this.#at) > 0x20) return;
    this.#skip(SPACE);
  }

  /** All three expressions are sticky and match, if only the empty string. */
  #skip(expression: RegExp): void {
    expression.lastIndex = this.#at;
    if (expression.test(this.#text)) this.#at = expression.lastIndex;
  }

  #expected(what: string): JsonSyntaxError {
    return new JsonSyntaxError(this.#text, Math.min(this.#at, this.#text.length), what);
  }
}

/** The escapes of one string literal are JSON.parse's own work; undefined when it refuses them. */
function decodeEscapes(literal: string): string | undefined {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined;
  }
}
