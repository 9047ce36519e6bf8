import { type DescEnum, type DescMethod, type DescService, getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import {
  Access,
  type DataRule,
  DataRuleSchema,
  type Events,
  type Page,
  RateClass,
  RateClassSchema,
  type RateSubject,
  Role,
  RoleSchema,
  rpc,
} from "../gen/policy/v1/policy_pb.ts";

/** What the gateway does around a public rpc, complete: defaults are filled in. */
export interface RpcPolicy {
  readonly access: Exclude<Access, typeof Access.UNSPECIFIED>;
  /** Empty: any role. */
  readonly roles: readonly Role[];
  /** The proto name of the request field that must be the caller's own id, ADMIN aside. */
  readonly selfField: string | undefined;
  readonly data: DataRule;
  readonly rateClass: RateClass;
  /** Whose account a sign-in is about; set exactly for the class SIGN_IN. */
  readonly rateSubject: RateSubjectField | undefined;
  /** 200, 201, 202 or 204. */
  readonly successStatus: number;
  readonly partial: boolean;
  readonly page: Page | undefined;
  readonly noStore: boolean;
  /** Set exactly for streams of what happens as it happens. */
  readonly events: Events | undefined;
}

/** The request field, by its proto name, that tells one account from another, and what stands in it. */
export interface RateSubjectField {
  readonly kind: "email" | "refreshToken";
  readonly field: string;
}

const SUCCESS_STATUSES: readonly number[] = [200, 201, 202, 204];

/**
 * Reads and checks the policy of an rpc. Throws a PolicyError that names the rpc for one that is absent or contradicts
 * itself: deny by default means that such an rpc must not be served.
 */
export function policyOf(method: DescMethod): RpcPolicy {
  if (!hasOption(method, rpc)) throw new PolicyError(method, "has no policy: say who may call it");
  const policy = getOption(method, rpc);
  const { access, roles, selfField, page, events } = policy;
  if (access !== Access.ANYONE && access !== Access.SIGNED_IN) {
    throw new PolicyError(method, "has a policy without access");
  }
  if (access === Access.ANYONE && (roles.length > 0 || selfField !== "" || policy.data !== 0)) {
    throw new PolicyError(method, "lets anyone in and yet asks who they are");
  }
  const nobody = roles.find((role) => role === Role.UNSPECIFIED || !hasValue(RoleSchema, role));
  if (nobody !== undefined) throw new PolicyError(method, `names a role that nobody can have: ${nobody}`);
  if (!hasValue(DataRuleSchema, policy.data)) {
    throw new PolicyError(method, `names a data rule that is not known: ${policy.data}`);
  }
  if (!hasValue(RateClassSchema, policy.rateClass)) {
    throw new PolicyError(method, `names a rate class that is not known: ${policy.rateClass}`);
  }
  const rateSubject = rateSubjectOf(method, policy.rateSubject);
  if ((policy.rateClass === RateClass.SIGN_IN) !== (rateSubject !== undefined)) {
    throw new PolicyError(method, "has one of rate_class SIGN_IN and rate_subject without the other");
  }
  if (rateSubject !== undefined && access === Access.SIGNED_IN) {
    throw new PolicyError(method, "has rate_class SIGN_IN, which is for callers whom nobody knows yet");
  }
  const successStatus = policy.successStatus === 0 ? 200 : policy.successStatus;
  if (!SUCCESS_STATUSES.includes(successStatus)) {
    throw new PolicyError(method, `has success_status ${successStatus}, not one of ${SUCCESS_STATUSES.join(", ")}`);
  }
  if (selfField !== "") requireField(method, "self_field", selfField, "input");
  if (page !== undefined) {
    requireField(method, "page.limit_field", page.limitField, "input");
    requireField(method, "page.offset_field", page.offsetField, "input");
    requireField(method, "page.total_field", page.totalField, "output");
    if (page.defaultLimit === 0) throw new PolicyError(method, "has a page without default_limit");
  }
  if (events !== undefined) {
    if (method.methodKind !== "server_streaming") throw new PolicyError(method, "has events, and is no server stream");
    if (access === Access.ANYONE)
      throw new PolicyError(method, "has events for anyone, whose streams nobody can count");
    requireString(method, "events.id_field", events.idField, "output");
    requireString(method, "events.after_field", events.afterField, "input");
  }
  return {
    access,
    roles,
    selfField: selfField === "" ? undefined : selfField,
    data: policy.data,
    rateClass: policy.rateClass,
    rateSubject,
    successStatus,
    partial: policy.partial,
    page,
    noStore: policy.noStore,
    events,
  };
}

function rateSubjectOf(method: DescMethod, subject: RateSubject | undefined): RateSubjectField | undefined {
  const chosen = subject?.field;
  if (chosen?.case === undefined) return undefined;
  const option = `rate_subject.${chosen.case === "email" ? "email" : "refresh_token"}`;
  requireString(method, option, chosen.value, "input");
  return { kind: chosen.case, field: chosen.value };
}

/** An enum of proto3 can have any number; one that this program does not know is a rule that it would not keep. */
function hasValue(schema: DescEnum, number: number): boolean {
  return schema.values.some((value) => value.number === number);
}

function requireField(method: DescMethod, option: string, name: string, side: "input" | "output"): void {
  const message = method[side];
  if (message.fields.some((field) => field.name === name)) return;
  throw new PolicyError(method, `names ${option} "${name}", which is no field of ${message.typeName}`);
}

function requireString(method: DescMethod, option: string, name: string, side: "input" | "output"): void {
  requireField(method, option, name, side);
  const field = method[side].fields.find((each) => each.name === name);
  if (field?.fieldKind === "scalar" && field.scalar === ScalarType.STRING) return;
  throw new PolicyError(method, `names ${option} "${name}", which is no string`);
}

/** The full name of an rpc, e.g. `gateway.v1.TasksService.GetTask`. */
export function rpcName(method: DescMethod): string {
  return `${(method.parent satisfies DescService).typeName}.${method.name}`;
}

/** A mistake in a policy. It stops the start. */
export class PolicyError extends Error {
  override name = "PolicyError";

  constructor(method: DescMethod, problem: string) {
    super(`${rpcName(method)} ${problem}`);
  }
}
