import { describe, expect, test } from "vitest";
import { Access, DataRule, RateClass, Role } from "#gen/policy/v1/policy_pb.ts";
import type { Caller } from "#src/context.ts";
import type { RpcPolicy } from "#src/contract/policy.ts";
import { authorize } from "#src/edge/authorize.ts";
import { refusalOf } from "./refusal.ts";

function policy(changes: Partial<RpcPolicy>): RpcPolicy {
  return {
    access: Access.SIGNED_IN,
    roles: [],
    selfField: undefined,
    data: DataRule.UNSPECIFIED,
    rateClass: RateClass.UNSPECIFIED,
    rateSubject: undefined,
    successStatus: 200,
    partial: false,
    page: undefined,
    noStore: false,
    events: undefined,
    ...changes,
  };
}

function callerWith(role: Role): Caller {
  return { userId: "me", role, sessionId: "s", tokenId: "t", issuedAtSeconds: 0, expiresAtSeconds: 1 };
}

const { CLIENT, DEVELOPER, ADMIN } = Role;
const ANY = policy({});
const SELF = policy({ selfField: "user_id" });
const DEVELOPERS = policy({ roles: [DEVELOPER] });
const CLIENTS_AND_ADMINS = policy({ roles: [CLIENT, ADMIN] });
const OWN_DEVELOPER = policy({ roles: [DEVELOPER], selfField: "user_id" });

type Row = readonly [policyName: string, policy: RpcPolicy, role: Role, selfId: string | undefined, passes: boolean];

const ROWS: readonly Row[] = [
  ["any signed-in caller", ANY, CLIENT, undefined, true],
  ["any signed-in caller", ANY, DEVELOPER, undefined, true],
  ["any signed-in caller", ANY, ADMIN, undefined, true],
  ["one role", DEVELOPERS, DEVELOPER, undefined, true],
  ["one role", DEVELOPERS, CLIENT, undefined, false],
  ["one role, which a policy may keep even ADMIN out of (row 6 of the contract)", DEVELOPERS, ADMIN, undefined, false],
  ["two roles", CLIENTS_AND_ADMINS, CLIENT, undefined, true],
  ["two roles", CLIENTS_AND_ADMINS, ADMIN, undefined, true],
  ["two roles", CLIENTS_AND_ADMINS, DEVELOPER, undefined, false],
  ["one's own", SELF, CLIENT, "me", true],
  ["one's own", SELF, DEVELOPER, "me", true],
  ["one's own, and ADMIN anybody's", SELF, ADMIN, "you", true],
  ["somebody else's", SELF, CLIENT, "you", false],
  ["somebody else's", SELF, DEVELOPER, "you", false],
  ["somebody whose id begins alike", SELF, CLIENT, "me2", false],
  ["one's own id in another letter case", SELF, CLIENT, "ME", false],
  ["nobody's: an empty id", SELF, CLIENT, "", false],
  ["nobody's: no id in the path, which must never let anyone in", SELF, CLIENT, undefined, false],
  ["a role and one's own", OWN_DEVELOPER, DEVELOPER, "me", true],
  ["a role and one's own: both are asked", OWN_DEVELOPER, CLIENT, "me", false],
  ["a role and somebody else's: both are asked", OWN_DEVELOPER, DEVELOPER, "you", false],
];

describe("who may, as far as the token and the path decide", () => {
  test.each(ROWS)("%s: %#", async (_name, policy, role, selfId, passes) => {
    if (passes) authorize(policy, callerWith(role), selfId);
    else {
      const { code, challenge } = await refusalOf(() => authorize(policy, callerWith(role), selfId));
      expect([code, challenge]).toEqual(["ACCESS_DENIED", undefined]);
    }
  });
});
