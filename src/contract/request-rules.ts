import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  isFieldSet,
  type Message,
} from "@bufbuild/protobuf";
import type { FieldMask } from "@bufbuild/protobuf/wkt";
import type { Violation } from "../errors.ts";
import { type MessageRules, messageRules } from "./field-rules.ts";
import { addToMask, fieldsOfPath, type MaskTree, type PartialUpdate, partialUpdateOf } from "./partial-update.ts";
import type { RpcPolicy } from "./policy.ts";
import { shorten, toViolations, Violations } from "./violations.ts";

/** Checks a request message; what is wrong with it goes to the violations. */
export type RequestRules = (request: Message, violations: Violations) => void;

/**
 * Compiles the check of an rpc's requests for callers that send the message itself (Connect, gRPC-Web). Violations are
 * named from the request message inwards. Throws a RuleError for a mistake in the rules.
 */
export function compileValidator(method: DescMethod, policy: RpcPolicy): (request: Message) => Violation[] {
  const partial = partialUpdateOf(method, policy);
  const check = requestRules(method.input, partial && withSetFields(partial));
  return (request) => {
    const violations = new Violations();
    check(request, violations);
    return toViolations(violations.findings);
  };
}

/** What the rules of a partial update need to know beside its fields. */
export interface PartialRules extends PartialUpdate {
  /** The fields that a client is told of when it changes none. */
  readonly changeable: readonly string[];
  /** What an empty mask names of these changes, if there are any. */
  readonly withoutMask: (changes: Message | undefined) => MaskTree;
}

/** A caller without a mask means the fields that it has set; REST has seen the JSON and knows better. */
function withSetFields(partial: PartialUpdate): PartialRules {
  const { fields } = partial.changes.message;
  return {
    ...partial,
    changeable: fields.map((field) => field.name),
    withoutMask: (changes) => setFields(fields, changes),
  };
}

/**
 * The rules of a request. In a partial update those of the changes apply to exactly what the mask names, and everything
 * else is checked as ever.
 */
export function requestRules(input: DescMessage, partial: PartialRules | undefined): RequestRules {
  const rules = messageRules(input);
  return partial === undefined ? rules.check : partialRules(input, rules, partial);
}

function partialRules(
  input: DescMessage,
  rules: MessageRules,
  { mask, changes, changeable, withoutMask }: PartialRules,
): RequestRules {
  const changeRules = messageRules(changes.message);
  const others = input.fields.filter((field) => field !== changes);
  return (request, violations) => {
    for (const field of others) rules.checkField(field, request, violations);
    const properties = request as unknown as Record<string, unknown>;
    const sent = properties[changes.localName] as Message | undefined;
    const named = namedFields(properties[mask.localName] as FieldMask | undefined, changes.message, (problem) =>
      violations.add(problem, mask.name),
    );
    const tree = named ?? withoutMask(sent);
    if (tree.size === 0 && named === undefined) {
      return violations.add(`must have at least one of ${changeable.join(", ")}`, changes.name);
    }
    violations.enter(changes.name);
    changeRules.checkNamed(sent ?? create(changes.message), tree, violations);
    violations.leave();
  };
}

/** Undefined for a mask that names nothing. Paths that lead nowhere are reported. */
function namedFields(
  mask: FieldMask | undefined,
  desc: DescMessage,
  report: (problem: string) => void,
): MaskTree | undefined {
  if (mask === undefined || mask.paths.length === 0) return undefined;
  const tree: MaskTree = new Map();
  for (const path of mask.paths) {
    const fields = fieldsOfPath(desc, path.split("."));
    if (fields === undefined) report(`names ${shorten(path)}, which cannot be changed`);
    else
      addToMask(
        tree,
        fields.map((field) => field.name),
      );
  }
  return tree;
}

function setFields(fields: readonly DescField[], message: Message | undefined): MaskTree {
  if (message === undefined) return new Map();
  return new Map(fields.filter((field) => isFieldSet(message, field)).map((field) => [field.name, "all"]));
}
