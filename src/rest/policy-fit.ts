import { type DescField, type DescMessage, type DescMethod, ScalarType } from "@bufbuild/protobuf";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import type { RpcPolicy } from "../contract/policy.ts";
import type { Events, Page } from "../gen/policy/v1/policy_pb.ts";
import type { Report } from "./contract-error.ts";
import type { HttpBinding } from "./http-binding.ts";

type Rule = Omit<HttpBinding, "policy">;

/** Reports where an rpc's policy promises what its HTTP rules cannot keep. What the policy alone says is policyOf's. */
export function checkPolicyFits(rpc: DescMethod, policy: RpcPolicy, rules: readonly Rule[], report: Report): void {
  if (policy.page !== undefined) checkPage(rpc, policy.page, report);
  if (policy.successStatus === 204) checkNoContent(rpc, report);
  for (const rule of rules) {
    const reportRule: Report = (problem) => report(`${rule.method} "${rule.template.source}": ${problem}`);
    if (policy.selfField !== undefined) checkSelfField(rule, policy.selfField, reportRule);
    if (policy.partial) checkPartial(rule, reportRule);
    if (policy.page !== undefined) checkPageFromQuery(rule, policy.page, reportRule);
    if (policy.events !== undefined) checkEvents(rule, policy.events, reportRule);
  }
}

/** The guard compares the field with the caller's id before any body is read, so it must come from the path. */
function checkSelfField(rule: Rule, name: string, report: Report): void {
  if (!isVariable(rule, name)) report(`self_field "${name}" is no variable of the template`);
  const field = fieldOf(rule.rpc.input, name);
  if (field?.fieldKind !== "scalar" || field.scalar !== ScalarType.STRING) {
    report(`self_field "${name}" is no string, and ids of callers are strings`);
  }
}

/** The mask of a partial update is made of the JSON keys of one message, and put where there is one place for it. */
function checkPartial(rule: Rule, report: Report): void {
  if (rule.method !== "PUT" && rule.method !== "PATCH") report("partial is for PUT (and PATCH is partial by itself)");
  const { body } = rule;
  if (body.kind !== "field" || body.field.fieldKind !== "message") {
    report("partial needs a body that is one field, and a message: its keys are the mask");
  }
  const masks = rule.rpc.input.fields.filter(isFieldMask).length;
  if (masks !== 1) report(`partial needs exactly one FieldMask in ${rule.rpc.input.typeName}, which has ${masks}`);
}

function checkPage({ methodKind, input, output }: DescMethod, page: Page, report: Report): void {
  if (methodKind === "server_streaming") report("has a page, but a stream has no pages");
  checkInteger("page.limit_field", fieldOf(input, page.limitField), report);
  checkInteger("page.offset_field", fieldOf(input, page.offsetField), report);
  checkInteger("page.total_field", fieldOf(output, page.totalField), report);
}

function checkInteger(option: string, field: DescField | undefined, report: Report): void {
  if (field?.fieldKind === "scalar" && INTEGERS.has(field.scalar)) return;
  report(`has the ${option} "${field?.name}", which is no 32-bit integer`);
}

/** A page's numbers and offsets are small; 64 bits would need another type in all that reads them. */
const INTEGERS: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT32,
  ScalarType.UINT32,
  ScalarType.SINT32,
  ScalarType.FIXED32,
  ScalarType.SFIXED32,
]);

/** The links to other pages are this request's URL with another offset in its query. */
function checkPageFromQuery(rule: Rule, page: Page, report: Report): void {
  for (const name of [page.limitField, page.offsetField]) {
    if (!comesFromQuery(rule, name))
      report(`the page's "${name}" does not come from the query, so no Link can name it`);
  }
}

/** Who listens for events makes a GET (the HTML standard's EventSource); Last-Event-ID overrides the query, and nothing else. */
function checkEvents(rule: Rule, { afterField }: Events, report: Report): void {
  if (rule.method !== "GET") report("has events, which are for GET");
  if (!comesFromQuery(rule, afterField)) report(`events.after_field "${afterField}" does not come from the query`);
}

function comesFromQuery(rule: Rule, name: string): boolean {
  const { body } = rule;
  if (body.kind === "message" || (body.kind === "field" && body.field.name === name)) return false;
  return !isVariable(rule, name);
}

function checkNoContent({ methodKind, output }: DescMethod, report: Report): void {
  if (output.fields.length > 0 || methodKind === "server_streaming") {
    report(`has success_status 204, which has no body, and answers ${output.typeName}`);
  }
}

function isVariable({ template }: Rule, name: string): boolean {
  return template.variables.some(({ fieldPath }) => fieldPath.length === 1 && fieldPath[0] === name);
}

function isFieldMask(field: DescField): boolean {
  return field.fieldKind === "message" && field.message.typeName === FieldMaskSchema.typeName;
}

function fieldOf(message: DescMessage, name: string): DescField | undefined {
  return message.fields.find((field) => field.name === name);
}
