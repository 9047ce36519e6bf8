import { expect, test } from "vitest";
import { AuthService } from "#gen/gateway/v1/auth_pb.ts";
import { MatchingService } from "#gen/gateway/v1/matching_pb.ts";
import { TasksService } from "#gen/gateway/v1/tasks_pb.ts";
import { UsersService } from "#gen/gateway/v1/users_pb.ts";
import { Access, DataRule, RateClass, Role } from "#gen/policy/v1/policy_pb.ts";
import { policyOf, type RpcPolicy, rpcName } from "#src/contract/policy.ts";
import { httpBindings } from "#src/rest/http-rules.ts";

// contract.md sections 2, 3 and 7 a second time, typed from the document and not from the .proto files. Who changes a
// policy changes it here as well, and a reviewer sees that it was meant.

type Expected = Partial<RpcPolicy> & Pick<RpcPolicy, "access">;

const ANYONE: Expected = { access: Access.ANYONE, rateClass: RateClass.SIGN_IN, noStore: true };
const SIGNED_IN: Expected = { access: Access.SIGNED_IN };
const SELF: Expected = { ...SIGNED_IN, selfField: "user_id" };
const OWNER: Expected = { ...SIGNED_IN, data: DataRule.TASK_OWNER };

const EXPECTED: Readonly<Record<string, Expected>> = {
  "POST /api/v1/auth/register": { ...ANYONE, successStatus: 201 },
  "POST /api/v1/auth/login": ANYONE,
  "POST /api/v1/auth/refresh": ANYONE,
  // "1 to 3, sessions: no-store"; logout speaks of a session.
  "POST /api/v1/auth/logout": { ...SIGNED_IN, noStore: true },
  "GET /api/v1/auth/me": SIGNED_IN,
  "POST /api/v1/users/developers": { ...SIGNED_IN, roles: [Role.DEVELOPER], successStatus: 201 },
  "PUT /api/v1/users/developers/{user_id}": { ...SELF, partial: true },
  "PUT /api/v1/users/developers/{user_id}/presence": SELF,
  "GET /api/v1/users/developers": SIGNED_IN,
  "GET /api/v1/users/developers/{user_id}": SIGNED_IN,
  "GET /api/v1/users/me": SIGNED_IN,
  "POST /api/v1/tasks": { ...SIGNED_IN, roles: [Role.CLIENT, Role.ADMIN], successStatus: 201 },
  "GET /api/v1/tasks/{task_id}": { ...SIGNED_IN, data: DataRule.TASK_READER },
  "PUT /api/v1/tasks/{task_id}": { ...OWNER, partial: true },
  "GET /api/v1/tasks": {
    ...SIGNED_IN,
    data: DataRule.TASK_LIST,
    page: expect.objectContaining({
      limitField: "limit",
      offsetField: "offset",
      totalField: "total_count",
      defaultLimit: 50,
    }),
  },
  "DELETE /api/v1/tasks/{task_id}": OWNER,
  "POST /api/v1/matching/score": OWNER,
  "POST /api/v1/matching/filter": OWNER,
  "GET /api/v1/matching/recommendations/{task_id}": OWNER,
  "GET /api/v1/matching/health": SIGNED_IN,
};

const DEFAULTS: Omit<RpcPolicy, "access"> = {
  roles: [],
  selfField: undefined,
  data: DataRule.UNSPECIFIED,
  rateClass: RateClass.UNSPECIFIED,
  successStatus: 200,
  partial: false,
  page: undefined,
  noStore: false,
};

const SERVICES = [AuthService, UsersService, TasksService, MatchingService];

test("every route has the policy of the contract, and there is no other route", () => {
  const rows = httpBindings(SERVICES).map(
    ({ rpc, method, template }) => [`${method} ${template.source}`, rpc] as const,
  );
  const found = Object.fromEntries(rows.map(([route, rpc]) => [route, policyOf(rpc)]));
  const expected = Object.fromEntries(
    Object.entries(EXPECTED).map(([route, policy]) => [route, { ...DEFAULTS, ...policy }]),
  );
  expect(found).toEqual(expected);
  expect(rows).toHaveLength(Object.keys(EXPECTED).length);
});

test("every rpc is a route: none can be reached by a way that this table does not know", () => {
  const bound = new Set(httpBindings(SERVICES).map(({ rpc }) => rpcName(rpc)));
  const rpcs = SERVICES.flatMap((service) => service.methods.map(rpcName));
  expect(rpcs.toSorted()).toEqual([...bound].toSorted());
});
