import type { Caller } from "../context.ts";
import type { RpcPolicy } from "../contract/policy.ts";
import { GatewayError } from "../errors.ts";
import { Role } from "../gen/policy/v1/policy_pb.ts";

/**
 * Refuses a caller that the policy does not let in, as far as the token and the path decide. What needs data is the
 * service's (services/access.ts). `selfId` is the value of the policy's self_field in the path.
 */
export function authorize(policy: RpcPolicy, caller: Caller, selfId: string | undefined): void {
  if (policy.roles.length > 0 && !policy.roles.includes(caller.role)) {
    throw new GatewayError("ACCESS_DENIED", "Your role does not allow this.");
  }
  if (policy.selfField !== undefined && selfId !== caller.userId && caller.role !== Role.ADMIN) {
    throw new GatewayError("ACCESS_DENIED", "This is somebody else's.");
  }
}
