import { type DescEnum, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { http } from "#gen/google/api/annotations_pb.ts";
import { Access, DataRule, DataRuleSchema, RateClass, RateClassSchema, RoleSchema } from "#gen/policy/v1/policy_pb.ts";
import { callSettingsOf } from "#src/contract/call-policy.ts";
import { policyOf, rpcName } from "#src/contract/policy.ts";
import { httpBindings } from "#src/rest/http-rules.ts";
import { trackedFiles } from "./tracked-files.ts";

/** Every service of a generated package, found and not listed: a new one is looked at without being announced. */
async function servicesOf(folder: RegExp): Promise<readonly DescService[]> {
  const modules = await Promise.all(trackedFiles(folder).map((file) => import(`../../${file}`)));
  const exported = modules.flatMap((module) => Object.values(module) as { readonly kind?: string }[]);
  return exported.filter((each): each is DescService => each.kind === "service");
}

const publicServices = await servicesOf(/^src\/gen\/gateway\/.*_pb\.ts$/);
const platformServices = await servicesOf(/^src\/gen\/platform\/.*_pb\.ts$/);

describe("every public rpc", () => {
  const rpcs = publicServices.flatMap((service) => service.methods.map((rpc) => [rpcName(rpc), rpc] as const));

  test("is found", () => {
    expect(publicServices.map(({ name }) => name).toSorted()).toEqual([
      "AuthService",
      "MatchingService",
      "TasksService",
      "UsersService",
    ]);
    expect(rpcs.length).toBeGreaterThanOrEqual(25);
  });

  test.each(rpcs)("%s has a policy that can be kept", (_name, rpc) => {
    expect(() => policyOf(rpc)).not.toThrow();
  });

  test.each(rpcs)("%s has a route", (_name, rpc) => {
    expect(hasOption(rpc, http)).toBe(true);
    expect(getOption(rpc, http).pattern.case).toBeDefined();
  });

  test.each(rpcs)(
    "%s is no side effect where it is a GET, and may not be cached by accident where it is not",
    (_name, rpc) => {
      const { pattern } = getOption(rpc, http);
      // google.protobuf.MethodOptions.IdempotencyLevel: 0 unknown, 1 no side effects, 2 idempotent.
      if (pattern.case === "get") expect(rpc.idempotency).toBe(1);
      if (pattern.case === "put") expect(rpc.idempotency).toBe(2);
    },
  );
});

test("every platform rpc has call settings that can be kept", () => {
  const rpcs = platformServices.flatMap(({ methods }) => methods);
  expect(rpcs.length).toBeGreaterThan(20);
  for (const rpc of rpcs) expect(() => callSettingsOf(rpc)).not.toThrow();
});

/** A row of contract.md, sections 2 and 3, written down by hand. What a row leaves out is the default. */
interface Route {
  readonly access?: "ANYONE";
  readonly roles?: readonly ("CLIENT" | "DEVELOPER" | "ADMIN")[];
  readonly self?: string;
  readonly data?: "TASK_OWNER" | "TASK_READER" | "TASK_LIST" | "PROPOSAL_READER" | "PROPOSAL_DEVELOPER";
  readonly status?: number;
  /** Where the body goes: the message, or one field of it. */
  readonly body?: string;
  /** The one field of the answer that is the body. */
  readonly answers?: string;
  /** The strict limit of sign-in. */
  readonly limit?: "SIGN_IN";
  /** What tells the account of a sign-in. */
  readonly account?: string;
  readonly noStore?: true;
  /** A stream of events: what tells one from another, and what says where to go on. */
  readonly events?: readonly [idField: string, afterField: string];
}

// `buf breaking` compares messages and rpcs. It does not see that a path, a status or an access has changed.
const ROUTES: Readonly<Record<string, readonly [rpc: string, route: Route]>> = {
  // 1 to 5
  "POST /api/v1/auth/register": [
    "AuthService.Register",
    { access: "ANYONE", limit: "SIGN_IN", account: "email", status: 201, body: "*", answers: "session", noStore: true },
  ],
  "POST /api/v1/auth/login": [
    "AuthService.Login",
    { access: "ANYONE", limit: "SIGN_IN", account: "email", body: "*", answers: "session", noStore: true },
  ],
  "POST /api/v1/auth/refresh": [
    "AuthService.Refresh",
    { access: "ANYONE", limit: "SIGN_IN", account: "refresh_token", body: "*", answers: "session", noStore: true },
  ],
  "POST /api/v1/auth/logout": ["AuthService.Logout", { body: "*", noStore: true }],
  "GET /api/v1/auth/me": ["AuthService.GetMe", { answers: "user" }],
  // 6 to 11
  "POST /api/v1/users/developers": [
    "UsersService.CreateDeveloper",
    { roles: ["DEVELOPER"], status: 201, body: "*", answers: "profile" },
  ],
  "PUT /api/v1/users/developers/{user_id}": ["UsersService.UpdateDeveloper", { self: "user_id", body: "changes" }],
  "PUT /api/v1/users/developers/{user_id}/presence": ["UsersService.UpdatePresence", { self: "user_id", body: "*" }],
  "GET /api/v1/users/developers": ["UsersService.ListDevelopers", { answers: "developers" }],
  "GET /api/v1/users/developers/{user_id}": ["UsersService.GetDeveloper", { answers: "profile" }],
  "GET /api/v1/users/me": ["UsersService.GetCurrentUser", {}],
  // 12 to 16
  "POST /api/v1/tasks": [
    "TasksService.CreateTask",
    { roles: ["CLIENT", "ADMIN"], status: 201, body: "*", answers: "task" },
  ],
  "GET /api/v1/tasks/{task_id}": ["TasksService.GetTask", { data: "TASK_READER", answers: "task" }],
  "PUT /api/v1/tasks/{task_id}": ["TasksService.UpdateTask", { data: "TASK_OWNER", body: "changes" }],
  "GET /api/v1/tasks": ["TasksService.ListTasks", { data: "TASK_LIST", answers: "tasks" }],
  "DELETE /api/v1/tasks/{task_id}": ["TasksService.DeleteTask", { data: "TASK_OWNER" }],
  // 17 to 20
  "POST /api/v1/matching/score": ["MatchingService.ScoreCandidates", { data: "TASK_OWNER", body: "*" }],
  "POST /api/v1/matching/filter": ["MatchingService.FilterCandidates", { data: "TASK_OWNER", body: "*" }],
  "GET /api/v1/matching/recommendations/{task_id}": ["MatchingService.GetRecommendations", { data: "TASK_OWNER" }],
  "GET /api/v1/matching/health": ["MatchingService.GetMatchingHealth", {}],
  // 21 to 25
  "POST /api/v1/matching/tasks/{task_id}/start": [
    "MatchingService.StartMatching",
    { data: "TASK_OWNER", status: 201, body: "*" },
  ],
  "GET /api/v1/matching/proposals": [
    "MatchingService.ListProposals",
    { data: "PROPOSAL_READER", answers: "proposals" },
  ],
  "POST /api/v1/matching/proposals/{proposal_id}/accept": [
    "MatchingService.AcceptProposal",
    { roles: ["DEVELOPER"], data: "PROPOSAL_DEVELOPER", body: "*", answers: "proposal" },
  ],
  "POST /api/v1/matching/proposals/{proposal_id}/reject": [
    "MatchingService.RejectProposal",
    { roles: ["DEVELOPER"], data: "PROPOSAL_DEVELOPER", body: "*", answers: "proposal" },
  ],
  "GET /api/v1/matching/proposals/events": [
    "MatchingService.WatchProposals",
    { data: "PROPOSAL_READER", events: ["event_id", "after_event_id"] },
  ],
};

function nameOf(schema: DescEnum, number: number): string | undefined {
  return schema.value[number]?.localName;
}

describe("the routes that the contract's annotations make", () => {
  test("are those of contract.md, for the same callers, with the same answers", () => {
    const derived = httpBindings(publicServices).map(({ rpc, policy, method, template, body, responseField }) => {
      const roles = policy.roles.map((role) => nameOf(RoleSchema, role));
      const route = {
        ...(policy.access === Access.ANYONE && { access: "ANYONE" }),
        ...(roles.length > 0 && { roles }),
        ...(policy.selfField !== undefined && { self: policy.selfField }),
        ...(policy.data !== DataRule.UNSPECIFIED && { data: nameOf(DataRuleSchema, policy.data) }),
        ...(policy.successStatus !== 200 && { status: policy.successStatus }),
        ...(body.kind !== "none" && { body: body.kind === "field" ? body.field.name : "*" }),
        ...(responseField !== undefined && { answers: responseField.name }),
        ...(policy.rateClass !== RateClass.UNSPECIFIED && { limit: nameOf(RateClassSchema, policy.rateClass) }),
        ...(policy.rateSubject !== undefined && { account: policy.rateSubject.field }),
        ...(policy.noStore && { noStore: true }),
        ...(policy.events !== undefined && { events: [policy.events.idField, policy.events.afterField] }),
      };
      return [`${method} ${template.source}`, [`${rpc.parent.name}.${rpc.name}`, route]] as const;
    });
    expect(derived.length).toBe(new Set(derived.map(([name]) => name)).size);
    expect(Object.fromEntries(derived)).toEqual(ROUTES);
  });

  test("are pages where the contract has X-Total-Count and Link, and partial where a PUT takes any of the fields", () => {
    const bindings = httpBindings(publicServices);
    const namesOf = (keep: (policy: (typeof bindings)[number]["policy"]) => boolean) =>
      bindings.filter(({ policy }) => keep(policy)).map(({ method, template }) => `${method} ${template.source}`);
    expect(namesOf(({ page }) => page !== undefined).toSorted()).toEqual([
      "GET /api/v1/matching/proposals",
      "GET /api/v1/tasks",
    ]);
    expect(namesOf(({ partial }) => partial).toSorted()).toEqual([
      "PUT /api/v1/tasks/{task_id}",
      "PUT /api/v1/users/developers/{user_id}",
    ]);
  });
});
