import { type DescField, type DescMessage, isFieldSet } from "@bufbuild/protobuf";
import { type FieldRules, FieldRulesSchema } from "../gen/policy/v1/policy_pb.ts";

/** What kind of values a field has, or its items. */
export type Kind = "string" | "number" | "bool" | "bytes" | "enum" | "message";

/** A mistake in the rules of a message or field. It stops the start. */
export class RuleError extends Error {
  override name = "RuleError";

  constructor(where: DescField | DescMessage, problem: string) {
    super(`${where.kind === "field" ? `${where.parent.typeName}.${where.name}` : where.typeName}: ${problem}`);
  }
}

/** Each rule by its name in policy.proto, and what it may be about. */
const APPLIES_TO: Readonly<Record<string, Kind | "anything" | "many">> = {
  required: "anything",
  id: "string",
  not_blank: "string",
  min_len: "string",
  max_len: "string",
  pattern: "string",
  pattern_message: "string",
  email: "string",
  http_url: "string",
  gt: "number",
  gte: "number",
  lt: "number",
  lte: "number",
  in: "string",
  min_items: "many",
  max_items: "many",
  specified: "enum",
};

/** Throws a RuleError for rules that mean nothing for the field, and for those that nothing can meet. */
export function checkRulesFit(field: DescField, rules: FieldRules, kind: Kind): void {
  const many = field.fieldKind === "list" || field.fieldKind === "map";
  for (const rule of FieldRulesSchema.fields) {
    if (!isFieldSet(rules, rule)) continue;
    const needs = APPLIES_TO[rule.name];
    const fits = needs === "anything" || needs === kind || (needs === "many" && many);
    if (!fits) throw new RuleError(field, `${rule.name} is for ${plural(needs)}, not ${describe(field, kind)}`);
  }
  if (rules.patternMessage !== "" && rules.pattern === "")
    throw new RuleError(field, "has a pattern_message and no pattern");
  checkRange(field, "min_len", rules.minLen, "max_len", rules.maxLen);
  checkRange(field, "min_items", rules.minItems, "max_items", rules.maxItems);
  checkBounds(field, rules);
}

function plural(needs: string | undefined): string {
  return needs === "many" ? "repeated fields" : `${needs}s`;
}

function describe(field: DescField, kind: Kind): string {
  if (field.fieldKind === "list") return `repeated ${kind}`;
  return field.fieldKind === "map" ? `a map of ${kind}` : kind;
}

function checkRange(field: DescField, least: string, min: bigint | undefined, most: string, max?: bigint): void {
  if (min === undefined || max === undefined || min <= max) return;
  throw new RuleError(field, `nothing meets ${least} ${min} and ${most} ${max}`);
}

/** NaN as a bound compares with nothing, and is refused here too. */
function checkBounds(field: DescField, { gt, gte, lt, lte }: FieldRules): void {
  for (const low of [gt, gte]) {
    for (const high of [lt, lte]) {
      if (low === undefined || high === undefined) continue;
      const both = low === gte && high === lte;
      if (both ? !(low <= high) : !(low < high))
        throw new RuleError(field, `nothing is above ${low} and below ${high}`);
    }
  }
}
