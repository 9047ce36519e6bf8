import type { DescEnum } from "@bufbuild/protobuf";
import type { FieldRules } from "../gen/policy/v1/policy_pb.ts";
import { specifiedNames } from "./enum-names.ts";
import { hasCodePoints, isBlank, isEmail, isHttpUrl, isId } from "./string-formats.ts";

/** One rule about one value. */
export interface ValueRule {
  readonly holds: (value: unknown) => boolean;
  /** What is wrong when it does not hold; it goes on after the field's name. */
  readonly message: string;
  /** The rules after it are not asked when it does not hold. */
  readonly decisive?: true;
}

/** The rules about a string, in the order in which they are asked. Throws a SyntaxError for a bad pattern. */
export function stringRules(rules: FieldRules): ValueRule[] {
  const { minLen, maxLen, pattern, required } = rules;
  const list: ValueRule[] = [];
  if (maxLen !== undefined) {
    const most = Number(maxLen);
    const message = `must be at most ${count(most, "character")}`;
    // The expressions below never see a text that is too long anyway.
    list.push(onString((text) => !hasCodePoints(text, most + 1), message, true));
  }
  if (rules.notBlank) list.push(onString((text) => !isBlank(text), "must not be blank"));
  if (minLen !== undefined) {
    const least = Number(minLen);
    list.push(onString((text) => hasCodePoints(text, least), `must be at least ${count(least, "character")}`));
  }
  if (pattern !== "") {
    const expression = new RegExp(pattern, "u");
    const message = rules.patternMessage === "" ? `must match ${pattern}` : rules.patternMessage;
    list.push(onString((text) => expression.test(text), message));
  }
  if (rules.id) {
    list.push(onString(isId, "must be 1 to 128 letters, digits, or any of ._:-, and begin with a letter or digit"));
  }
  if (rules.email) list.push(onString(isEmail, "must be an e-mail address"));
  if (rules.httpUrl) {
    const optional = !required;
    list.push(onString((text) => (optional && text === "") || isHttpUrl(text), "must be an http or https URL"));
  }
  if (rules.in.length > 0) {
    const allowed = new Set(rules.in);
    list.push(onString((text) => allowed.has(text), `must be one of ${rules.in.map(orEmpty).join(", ")}`));
  }
  return list;
}

function onString(holds: (text: string) => boolean, message: string, decisive?: true): ValueRule {
  const rule = { holds: holds as (value: unknown) => boolean, message };
  return decisive ? { ...rule, decisive } : rule;
}

function orEmpty(text: string): string {
  return text === "" ? "the empty string" : text;
}

/** "1 item", "2 items". */
export function count(number: number, noun: string): string {
  return number === 1 ? `1 ${noun}` : `${number} ${noun}s`;
}

/** No field of this API means anything by NaN or an infinity, which gRPC and Connect clients can send. */
export const FINITE: ValueRule = { holds: Number.isFinite, message: "must be a finite number", decisive: true };

/** The bounds of a number; 64-bit integers are compared exactly. */
export function numberRules({ gt, gte, lt, lte }: FieldRules): ValueRule[] {
  // A client that is outside of a closed range wants to know both ends.
  if (gte !== undefined && lte !== undefined && gt === undefined && lt === undefined) {
    return [onNumber((value) => value >= gte && value <= lte, `must be from ${gte} to ${lte}`)];
  }
  const list: ValueRule[] = [];
  if (gt !== undefined) list.push(onNumber((value) => value > gt, `must be greater than ${gt}`));
  if (gte !== undefined) list.push(onNumber((value) => value >= gte, `must be at least ${gte}`));
  if (lt !== undefined) list.push(onNumber((value) => value < lt, `must be less than ${lt}`));
  if (lte !== undefined) list.push(onNumber((value) => value <= lte, `must be at most ${lte}`));
  return list;
}

function onNumber(holds: (value: number | bigint) => boolean, message: string): ValueRule {
  return { holds: (value) => holds(numeric(value)), message };
}

/** A number or bigint; with jstype = JS_STRING protobuf-es keeps a 64-bit integer as its digits. */
export function numeric(value: unknown): number | bigint {
  return typeof value === "string" ? BigInt(value) : (value as number | bigint);
}

/** The one rule about an enum. */
export function enumRules(rules: FieldRules, desc: DescEnum): ValueRule[] {
  if (!rules.specified) return [];
  const named = new Set(desc.values.map((value) => value.number).filter((number) => number !== 0));
  const holds = (value: unknown) => named.has(value as number);
  return [{ holds, message: `must be one of ${specifiedNames(desc).join(", ")}` }];
}
