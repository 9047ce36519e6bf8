import {
  type DescEnum,
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  isFieldSet,
  isMessage,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { scalarZeroValue } from "@bufbuild/protobuf/reflect";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { type FieldRules, field as fieldOption, message as messageOption } from "../gen/policy/v1/policy_pb.ts";
import { fieldReader } from "./field-reader.ts";
import { isWhole, type MaskTree } from "./partial-update.ts";
import { checkRulesFit, type Kind, RuleError } from "./rule-mistakes.ts";
import { count, enumRules, FINITE, numberRules, numeric, stringRules, type ValueRule } from "./value-rules.ts";
import type { Violations } from "./violations.ts";

/** The rules of one message type (policy.v1.field, policy.v1.message) and of everything inside it. */
export interface MessageRules {
  /** Checks a message that is meant as a whole. */
  check(message: Message, violations: Violations): void;
  /**
   * Checks exactly the fields that a partial update names. A named field that is not set is about to be emptied, so
   * the rules apply to its zero value.
   */
  checkNamed(message: Message, named: MaskTree, violations: Violations): void;
  /** Checks one of its fields, as `check` does. */
  checkField(field: DescField, message: Message, violations: Violations): void;
}

const compiled = new WeakMap<DescMessage, MessageRules>();

/**
 * Compiles the rules of a message type, once. Throws a RuleError that names the message and field for a rule that
 * cannot apply, so that a mistake stops the start and no request.
 */
export function messageRules(desc: DescMessage): MessageRules {
  const known = compiled.get(desc);
  if (known !== undefined) return known;
  const fields = new Map<DescField, FieldCheck>();
  const comparisons: Comparison[] = [];
  const rules: MessageRules = {
    check(message, violations) {
      for (const check of fields.values()) check(message, violations, undefined);
      for (const comparison of comparisons) comparison.check(message, violations);
    },
    checkNamed(message, named, violations) {
      for (const [field, check] of fields) {
        const inner = named.get(field.name);
        if (inner !== undefined) check(message, violations, inner);
      }
      for (const { fields: compared, check } of comparisons) {
        if (compared.every((field) => named.has(field.name))) check(message, violations);
      }
    },
    checkField: (field, message, violations) => fields.get(field)?.(message, violations, undefined),
  };
  // Before its fields: a type may contain itself.
  compiled.set(desc, rules);
  try {
    for (const field of desc.fields) {
      const check = fieldCheck(field);
      if (check !== undefined) fields.set(field, check);
    }
    comparisons.push(...getOption(desc, messageOption).less.map((less) => comparison(desc, less.lesser, less.greater)));
  } catch (error) {
    // Whoever asks again must not be given half of the rules.
    compiled.delete(desc);
    throw error;
  }
  return rules;
}

/** `named` is undefined for a field that is checked like any other, else what a partial update names of it. */
type FieldCheck = (message: Message, violations: Violations, named: MaskTree | "all" | undefined) => void;

/** Undefined for a field that nothing can be wrong with. */
function fieldCheck(field: DescField): FieldCheck | undefined {
  const rules = getOption(field, fieldOption);
  const item = itemOf(field);
  if (hasOption(field, fieldOption)) checkRulesFit(field, rules, item.kind);
  const values = valueRules(field, rules, item);
  const inner = innerRules(field);
  if (!hasOption(field, fieldOption) && values.length === 0 && inner === undefined) return undefined;
  if (field.fieldKind === "list" || field.fieldKind === "map") return manyCheck(field, rules, values, inner);
  return field.message !== undefined && inner !== undefined
    ? messageCheck(field, rules, inner)
    : singularCheck(field, rules, values, item);
}

/** A field's values, or those of a list's items and a map's entries. */
interface Item {
  readonly kind: Kind;
  readonly scalar: ScalarType | undefined;
  readonly enum: DescEnum | undefined;
}

function itemOf(field: DescField): Item {
  // A wrapper's rules are about what it wraps.
  const wrapped = field.message && isWrapperDesc(field.message) ? field.message.fields[0]?.scalar : undefined;
  const scalar = field.scalar ?? wrapped;
  if (scalar !== undefined) return { kind: kindOfScalar(scalar), scalar, enum: undefined };
  return { kind: field.enum === undefined ? "message" : "enum", scalar: undefined, enum: field.enum };
}

function kindOfScalar(scalar: ScalarType): Kind {
  switch (scalar) {
    case ScalarType.STRING:
      return "string";
    case ScalarType.BOOL:
      return "bool";
    case ScalarType.BYTES:
      return "bytes";
    default:
      return "number";
  }
}

function valueRules(field: DescField, rules: FieldRules, { kind, scalar, enum: enumType }: Item): ValueRule[] {
  if (enumType !== undefined) return enumRules(rules, enumType);
  if (kind === "string") {
    try {
      return stringRules(rules);
    } catch (error) {
      throw new RuleError(field, `pattern is no regular expression: ${(error as SyntaxError).message}`);
    }
  }
  if (kind !== "number") return [];
  const fraction = scalar === ScalarType.DOUBLE || scalar === ScalarType.FLOAT;
  return fraction ? [FINITE, ...numberRules(rules)] : numberRules(rules);
}

/** The rules of a message that has fields of its own; Google's types have none. */
function innerRules(field: DescField): MessageRules | undefined {
  return field.message === undefined || isWhole(field.message) ? undefined : messageRules(field.message);
}

const REQUIRED = "is required";

function singularCheck(field: DescField, rules: FieldRules, values: readonly ValueRule[], item: Item): FieldCheck {
  const zero = zeroOf(item);
  const read = fieldReader(field);
  return (message, violations, named) => {
    const set = isFieldSet(message, field);
    if (!set && rules.required) return violations.add(REQUIRED, field.name);
    const value = read(message);
    if (value !== undefined) checkValue(unwrap(value), values, violations, field.name);
    else if (named !== undefined && zero !== undefined) checkValue(zero, values, violations, field.name);
  };
}

function zeroOf({ scalar, enum: enumType }: Item): unknown {
  return scalar === undefined ? enumType?.values[0]?.number : scalarZeroValue(scalar, false);
}

function messageCheck(field: DescField, { required }: FieldRules, inner: MessageRules): FieldCheck {
  const read = fieldReader(field);
  return (message, violations, named) => {
    const value = read(message) as Message | undefined;
    if (value === undefined) {
      if (required) violations.add(REQUIRED, field.name);
      return;
    }
    violations.enter(field.name);
    if (named === undefined || named === "all") inner.check(value, violations);
    else inner.checkNamed(value, named, violations);
    violations.leave();
  };
}

function manyCheck(
  field: DescField,
  { required, minItems, maxItems }: FieldRules,
  values: readonly ValueRule[],
  inner: MessageRules | undefined,
): FieldCheck {
  const least = Number(minItems ?? 0);
  const most = Number(maxItems ?? Number.POSITIVE_INFINITY);
  const checkItem = (item: unknown, violations: Violations) => {
    if (inner === undefined) checkValue(unwrap(item), values, violations);
    else inner.check(item as Message, violations);
  };
  const checksItems = inner !== undefined || values.length > 0;
  const read = fieldReader(field);
  return (message, violations) => {
    const kept = read(message) as readonly unknown[] | Record<string, unknown>;
    const keys = Array.isArray(kept) ? undefined : Object.keys(kept);
    const items = Array.isArray(kept) ? kept : Object.values(kept);
    if (required && items.length === 0) return violations.add(REQUIRED, field.name);
    if (items.length < least) violations.add(`must have at least ${count(least, "item")}`, field.name);
    // How each of too many items fares is of no interest, and would take time.
    if (items.length > most) return violations.add(`must have at most ${count(most, "item")}`, field.name);
    if (!checksItems) return;
    violations.enter(field.name);
    for (let index = 0; index < items.length && !violations.full; index++) {
      violations.enter(keys === undefined ? index : { key: keys[index]! });
      checkItem(items[index], violations);
      violations.leave();
    }
    violations.leave();
  };
}

function checkValue(value: unknown, rules: readonly ValueRule[], violations: Violations, segment?: string): void {
  for (const { holds, message, decisive } of rules) {
    if (holds(value)) continue;
    violations.add(message, segment);
    if (decisive) return;
  }
}

/** A wrapper is its bare value in a singular field, and a message in lists, maps and oneofs. */
function unwrap(value: unknown): unknown {
  return isMessage(value) ? (value as Message & { value?: unknown }).value : value;
}

interface Comparison {
  readonly fields: readonly DescField[];
  readonly check: (message: Message, violations: Violations) => void;
}

/** One field must be less than another when both are set. */
function comparison(desc: DescMessage, lesserName: string, greaterName: string): Comparison {
  const lesser = comparable(desc, "lesser", lesserName);
  const greater = comparable(desc, "greater", greaterName);
  const [readLesser, readGreater] = [fieldReader(lesser), fieldReader(greater)];
  const check = (message: Message, violations: Violations) => {
    if (!isFieldSet(message, lesser) || !isFieldSet(message, greater)) return;
    const [low, high] = [numeric(readLesser(message)), numeric(readGreater(message))];
    // NaN is refused as such.
    if (low >= high) violations.add(`must be less than ${greater.name}`, lesser.name);
  };
  return { fields: [lesser, greater], check };
}

function comparable(desc: DescMessage, option: string, name: string): DescField {
  const field = desc.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new RuleError(desc, `less names ${option} "${name}", which is no field of it`);
  if (field.fieldKind !== "scalar" || kindOfScalar(field.scalar) !== "number") {
    throw new RuleError(desc, `less compares numbers, and ${option} "${name}" is none`);
  }
  return field;
}
