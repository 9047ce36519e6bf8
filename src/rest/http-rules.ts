import { type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { PolicyError, policyOf, type RpcPolicy, rpcName } from "../contract/policy.ts";
import { http } from "../gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../gen/google/api/http_pb.ts";
import { bodyBinding, checkBoundTogether, responseField, variableFields } from "./binding-fields.ts";
import { ContractError, type Report } from "./contract-error.ts";
import type { HttpBinding } from "./http-binding.ts";
import { type PathTemplate, parsePathTemplate, TemplateError } from "./path-template.ts";
import { checkPolicyFits } from "./policy-fit.ts";
import { shapeOf } from "./precedence.ts";

/** A binding whose rpc's policy is not known yet, or wrong. */
type Rule = Omit<HttpBinding, "policy">;

/**
 * The HTTP bindings of all rpcs of these services, checked. An rpc without `google.api.http` has none; it still needs
 * a policy, since Connect and gRPC-Web clients reach it all the same.
 *
 * Throws one ContractError with every mistake in every annotation: who changes a contract should not have to start the
 * gateway once for each.
 */
export function httpBindings(services: readonly DescService[]): readonly HttpBinding[] {
  const mistakes: string[] = [];
  const report: Report = (problem) => mistakes.push(problem);
  const rules: Rule[] = [];
  const bindings: HttpBinding[] = [];
  for (const rpc of services.flatMap((service) => service.methods)) {
    const ofRpc = rulesOf(rpc, (problem) => report(`${rpcName(rpc)}: ${problem}`));
    rules.push(...ofRpc);
    const policy = checkedPolicy(rpc, report);
    if (policy === undefined) continue;
    checkPolicyFits(rpc, policy, ofRpc, (problem) => report(`${rpcName(rpc)}: ${problem}`));
    bindings.push(...ofRpc.map((rule) => ({ ...rule, policy })));
  }
  checkDuplicates(rules, report);
  if (mistakes.length > 0) throw new ContractError(mistakes);
  return bindings;
}

function checkedPolicy(rpc: DescMethod, report: Report): RpcPolicy | undefined {
  try {
    return policyOf(rpc);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    report(error.message);
    return undefined;
  }
}

function rulesOf(rpc: DescMethod, report: Report): readonly Rule[] {
  if (!hasOption(rpc, http)) return [];
  if (rpc.methodKind === "client_streaming" || rpc.methodKind === "bidi_streaming") {
    report("has an HTTP rule, but a client cannot stream messages over REST");
    return [];
  }
  const rule = getOption(rpc, http);
  const additional = rule.additionalBindings;
  if (additional.some((binding) => binding.additionalBindings.length > 0)) {
    report("has additional_bindings inside additional_bindings: they nest one level only");
  }
  return [rule, ...additional].map((each) => checkedRule(rpc, each, report)).filter((each) => each !== undefined);
}

/** Undefined for a rule that has no template to speak of: nothing further can be checked. */
function checkedRule(rpc: DescMethod, rule: HttpRule, report: Report): Rule | undefined {
  if (rule.selector !== "") report(`has the selector "${rule.selector}": that is for service configuration`);
  const pattern = patternOf(rule);
  if (pattern === undefined) {
    report("has an HTTP rule without a method and template");
    return undefined;
  }
  const { method, path } = pattern;
  const template = parsedTemplate(path, (problem) => report(`${method} ${problem}`));
  checkMethod(method, (problem) => report(`${method} "${path}": ${problem}`));
  if (template === undefined) return undefined;
  return { rpc, method, template, ...boundFields(rpc, rule, method, template, report) };
}

function parsedTemplate(path: string, report: Report): PathTemplate | undefined {
  try {
    return parsePathTemplate(path);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    report(error.message);
    return undefined;
  }
}

function boundFields(rpc: DescMethod, rule: HttpRule, method: string, template: PathTemplate, report: Report) {
  const reportRule: Report = (problem) => report(`${method} "${template.source}": ${problem}`);
  const variables = variableFields(rpc.input, template, (problem) => report(`${method} ${problem}`));
  const body = bodyBinding(rpc.input, rule.body, method, reportRule);
  checkBoundTogether(variables, body, reportRule);
  return { body, responseField: responseField(rpc.output, rule.responseBody, reportRule) };
}

/** The method in upper case and the template. */
function patternOf({ pattern }: HttpRule): { readonly method: string; readonly path: string } | undefined {
  if (pattern.case === undefined) return undefined;
  if (pattern.case === "custom") return { method: pattern.value.kind, path: pattern.value.path };
  return { method: pattern.case.toUpperCase(), path: pattern.value };
}

/** Methods that no rpc can have, and why. */
const RESERVED_METHODS: ReadonlyMap<string, string> = new Map([
  ["HEAD", "HEAD is answered as GET without the body"],
  ["OPTIONS", "OPTIONS is answered by the gateway"],
  ["CONNECT", "CONNECT has no Request in the Fetch standard"],
  ["TRACE", "TRACE has no Request in the Fetch standard"],
  ["ALL", 'Hono takes ALL for any method: write "*" if that is meant'],
]);

function checkMethod(method: string, report: Report): void {
  const reserved = RESERVED_METHODS.get(method);
  if (reserved !== undefined) report(reserved);
  else if (!/^(?:\*|[A-Z][A-Z0-9_-]*)$/.test(method)) report(`"${method}" is no HTTP method in upper case, nor "*"`);
}

/**
 * Two rules for one method that match the same paths, whatever their variables are called: only one of them could ever
 * be reached. (The library behind Envoy then matches neither, grpc-gateway takes the one registered last.) A rule for
 * a method and one for any method are no duplicates: the former goes first.
 */
function checkDuplicates(rules: readonly Rule[], report: Report): void {
  const seen = new Map<string, Rule>();
  for (const rule of rules) {
    const key = `${rule.method} ${shapeOf(rule.template)}`;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, rule);
    else report(`${describe(rule)} matches the same requests as ${describe(first)}`);
  }
}

function describe({ rpc, method, template }: Rule): string {
  return `${rpcName(rpc)}: ${method} "${template.source}"`;
}
