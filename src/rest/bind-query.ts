import type { DescMessage } from "@bufbuild/protobuf";
import { formatPath, shorten, type Violations } from "../contract/violations.ts";
import { HELD, type HeldFields, type Hold } from "./held-fields.ts";
import type { AnyMessage } from "./message-fields.ts";
import { Refusal } from "./refusal.ts";
import { findTextField, namesOf, setText, type TextField } from "./text-fields.ts";

/**
 * Writes query parameters into a message. `held` are the fields that path and body fill; "nothing" may be sent in the
 * query when the whole message is the body.
 */
export function queryBinder(desc: DescMessage, held: HeldFields | "nothing") {
  return (message: AnyMessage, query: string, violations: Violations): void => {
    if (query === "") return;
    const sent = new Set<string>();
    for (const pair of query.split("&")) {
      if (violations.full) return;
      if (pair !== "") bindPair(pair, message, sent, violations);
    }
  };

  function bindPair(pair: string, message: AnyMessage, sent: Set<string>, violations: Violations): void {
    const [rawName, rawText] = splitPair(pair);
    const name = decode(rawName);
    const text = decode(rawText);
    const target = name === undefined ? MALFORMED : findParameter(name);
    if (target instanceof Refusal) {
      violations.addAt([shorten(name ?? rawName) || "="], target.message, formatPath);
      return;
    }
    const problem = text === undefined ? MALFORMED.message : problemOf(target, sent);
    sent.add(target.name);
    if (text !== undefined && problem === undefined) setText(message, target, text, violations);
    else violations.addAt(namesOf(target), problem ?? MALFORMED.message, formatPath);
  }

  /** `tags[]` is how axios and PHP write `tags`, and means nothing for a parameter that does not repeat. */
  function findParameter(name: string): TextField | Refusal {
    if (held === "nothing") return UNKNOWN;
    if (name === "") return NAMELESS;
    if (!name.endsWith("[]")) return findTextField(desc, name.split("."));
    const target = findTextField(desc, name.slice(0, -2).split("."));
    return target instanceof Refusal || target.repeated ? target : UNKNOWN;
  }

  function problemOf(target: TextField, sent: ReadonlySet<string>): string | undefined {
    const holder = held === "nothing" ? undefined : holderOf(held, target);
    if (holder !== undefined) return HELD[holder];
    return sent.has(target.name) && !target.repeated ? "must be sent once" : undefined;
  }
}

const UNKNOWN = new Refusal("is not a known parameter");
const NAMELESS = new Refusal("has no name");
const MALFORMED = new Refusal("has malformed percent-encoding");

/** A name without `=` has the empty value. */
function splitPair(pair: string): [name: string, text: string] {
  const equals = pair.indexOf("=");
  return equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
}

function holderOf(held: HeldFields, { fields }: TextField): "path" | "body" | undefined {
  let level: HeldFields | undefined = held;
  for (const field of fields) {
    const hold: Hold | undefined = level?.get(field);
    if (typeof hold === "string") return hold;
    level = hold;
  }
  return undefined;
}

/** As in an HTML form, a plus is a space. Undefined for a bad escape, and for bytes that are not UTF-8. */
function decode(raw: string): string | undefined {
  const spaced = raw.includes("+") ? raw.replaceAll("+", " ") : raw;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return undefined;
  }
}
