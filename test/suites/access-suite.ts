import { beforeAll, describe, expect, test } from "vitest";
import { AuthService } from "#gen/gateway/v1/auth_pb.ts";
import { MatchingService } from "#gen/gateway/v1/matching_pb.ts";
import { TasksService } from "#gen/gateway/v1/tasks_pb.ts";
import { UsersService } from "#gen/gateway/v1/users_pb.ts";
import { Access, DataRule, Role } from "#gen/policy/v1/policy_pb.ts";
import type { RpcPolicy } from "#src/contract/policy.ts";
import type { HttpBinding } from "#src/rest/http-binding.ts";
import { httpBindings } from "#src/rest/http-rules.ts";
import { type CallOptions, call, type Person, register, signInAdmin } from "../support/gateway-under-test.ts";
import type { Target } from "./suite-target.ts";

/**
 * Who calls. Owner and client are CLIENTs, of whom the first has posted the tasks; developer and assignee are
 * DEVELOPERs with profiles, of whom the second is the one who fits the tasks, and has one assigned.
 */
const CALLERS = ["anonymous", "garbage", "owner", "client", "developer", "assignee", "admin"] as const;
type CallerName = (typeof CALLERS)[number];

interface World {
  readonly people: Readonly<Record<Exclude<CallerName, "anonymous" | "garbage">, Person>>;
  readonly openTask: string;
  readonly assignedTask: string;
  /** The id of a task that nobody has touched. */
  newTask(): Promise<string>;
  /** The id of a proposal to the assignee that nobody has answered. */
  newProposal(): Promise<string>;
  /** The refresh token of a session that nobody has used. */
  newSession(): Promise<string>;
}

/** One row: a route of contract.md section 2 and what section 3 says of each signed-in caller. */
interface Row {
  readonly route: string;
  readonly why: string;
  readonly request: (world: World, caller: CallerName) => Promise<[request: string, body?: unknown]>;
  /** In the order owner, client, developer, assignee, admin; or one for all of them. */
  readonly signedIn: number | readonly [number, number, number, number, number];
  /** For anonymous and garbage: 401 unless the route is for anyone. */
  readonly others?: number;
  /** What the request is about, where the policy's data rule asks; the owner's open task unless told. */
  readonly about?: "assigned task" | "no task" | "caller's list" | "owner's list" | "no proposal";
}

const TASK = {
  title: "Access",
  description: "",
  skill_tags: ["access"],
  budget_lower_bound: 10,
  budget_upper_bound: 90,
};
const OWNER_OR_ADMIN = [200, 403, 403, 403, 200] as const;
const SELF_OR_ADMIN = [403, 403, 200, 403, 200] as const;
const PROPOSALS = "/api/v1/matching/proposals";
let fresh = 0;
const freshEmail = () => `access-${process.pid}-${++fresh}@devmatch.example`;

const ROWS: readonly Row[] = [
  {
    route: "POST /api/v1/auth/register",
    why: "anyone, a token is not looked at",
    request: async () => [
      "POST /api/v1/auth/register",
      { email: freshEmail(), password: "Correct-horse-1", display_name: "New", user_type: "CLIENT" },
    ],
    signedIn: 201,
    others: 201,
  },
  {
    route: "POST /api/v1/auth/login",
    why: "anyone",
    request: async ({ people }) => [
      "POST /api/v1/auth/login",
      { email: people.client.email, password: people.client.password },
    ],
    signedIn: 200,
    others: 200,
  },
  {
    route: "POST /api/v1/auth/refresh",
    why: "anyone who has a refresh token",
    request: async ({ newSession }) => ["POST /api/v1/auth/refresh", { refresh_token: await newSession() }],
    signedIn: 200,
    others: 200,
  },
  {
    route: "GET /api/v1/auth/me",
    why: "any signed-in user",
    request: async () => ["GET /api/v1/auth/me"],
    signedIn: 200,
  },
  {
    route: "POST /api/v1/users/developers",
    why: "DEVELOPER, for itself: these two have a profile already, which is known after the role",
    request: async ({ people }) => [
      "POST /api/v1/users/developers",
      { display_name: "Somebody", email: people.developer.email, skill_tags: ["access"] },
    ],
    signedIn: [403, 403, 409, 409, 403],
  },
  {
    route: "PUT /api/v1/users/developers/{user_id}",
    why: "that user, or ADMIN",
    request: async ({ people }) => [`PUT /api/v1/users/developers/${people.developer.userId}`, { bio: "New" }],
    signedIn: SELF_OR_ADMIN,
  },
  {
    route: "PUT /api/v1/users/developers/{user_id}/presence",
    why: "that user, or ADMIN",
    request: async ({ people }) => [
      `PUT /api/v1/users/developers/${people.developer.userId}/presence`,
      { presence: "IDLE" },
    ],
    signedIn: SELF_OR_ADMIN,
  },
  {
    route: "GET /api/v1/users/developers",
    why: "any signed-in user",
    request: async () => ["GET /api/v1/users/developers?skill_tags=access"],
    signedIn: 200,
  },
  {
    route: "GET /api/v1/users/developers/{user_id}",
    why: "any signed-in user",
    request: async ({ people }) => [`GET /api/v1/users/developers/${people.developer.userId}`],
    signedIn: 200,
  },
  {
    route: "GET /api/v1/users/me",
    why: "any signed-in user",
    request: async () => ["GET /api/v1/users/me"],
    signedIn: 200,
  },
  {
    route: "POST /api/v1/tasks",
    why: "CLIENT or ADMIN",
    request: async () => ["POST /api/v1/tasks", TASK],
    signedIn: [201, 201, 403, 403, 201],
  },
  {
    route: "GET /api/v1/tasks/{task_id}",
    why: "OPEN: the owner, ADMIN, every DEVELOPER",
    request: async ({ openTask }) => [`GET /api/v1/tasks/${openTask}`],
    signedIn: [200, 403, 200, 200, 200],
  },
  {
    route: "GET /api/v1/tasks/{task_id}",
    why: "ASSIGNED: of the DEVELOPERs only the one it is assigned to",
    about: "assigned task",
    request: async ({ assignedTask }) => [`GET /api/v1/tasks/${assignedTask}`],
    signedIn: [200, 403, 403, 200, 200],
  },
  {
    route: "GET /api/v1/tasks/{task_id}",
    why: "what does not exist is 404 before anybody could own it",
    about: "no task",
    request: async () => ["GET /api/v1/tasks/tsk_none"],
    signedIn: 404,
  },
  {
    route: "PUT /api/v1/tasks/{task_id}",
    why: "the owner, or ADMIN",
    request: async ({ openTask }) => [`PUT /api/v1/tasks/${openTask}`, { title: "Access" }],
    signedIn: OWNER_OR_ADMIN,
  },
  {
    route: "PUT /api/v1/tasks/{task_id}",
    why: "being assigned does not make it theirs",
    about: "assigned task",
    request: async ({ assignedTask }) => [`PUT /api/v1/tasks/${assignedTask}`, { title: "Access" }],
    signedIn: OWNER_OR_ADMIN,
  },
  {
    route: "GET /api/v1/tasks",
    why: "each sees a list of its own",
    about: "caller's list",
    request: async () => ["GET /api/v1/tasks"],
    signedIn: 200,
  },
  {
    route: "GET /api/v1/tasks",
    why: "another's client_id is for DEVELOPERs and ADMIN; the owner names itself",
    about: "owner's list",
    request: async ({ people }) => [`GET /api/v1/tasks?client_id=${people.owner.userId}`],
    signedIn: [200, 403, 200, 200, 200],
  },
  {
    route: "DELETE /api/v1/tasks/{task_id}",
    why: "the owner, or ADMIN",
    request: async ({ newTask }) => [`DELETE /api/v1/tasks/${await newTask()}`],
    signedIn: OWNER_OR_ADMIN,
  },
  {
    route: "POST /api/v1/matching/score",
    why: "the task's owner, or ADMIN",
    request: async ({ openTask }) => ["POST /api/v1/matching/score", { ...TASK, task_id: openTask }],
    signedIn: OWNER_OR_ADMIN,
  },
  {
    route: "POST /api/v1/matching/filter",
    why: "the task's owner, or ADMIN",
    request: async ({ openTask, people }) => [
      "POST /api/v1/matching/filter",
      { ...TASK, task_id: openTask, candidate_user_ids: [people.developer.userId] },
    ],
    signedIn: OWNER_OR_ADMIN,
  },
  {
    route: "GET /api/v1/matching/recommendations/{task_id}",
    why: "the task's owner, or ADMIN",
    request: async ({ openTask }) => [`GET /api/v1/matching/recommendations/${openTask}`],
    signedIn: OWNER_OR_ADMIN,
  },
  {
    route: "GET /api/v1/matching/health",
    why: "any signed-in user",
    request: async () => ["GET /api/v1/matching/health"],
    signedIn: 200,
  },
  {
    route: "POST /api/v1/matching/tasks/{task_id}/start",
    why: "the task's owner, or ADMIN",
    request: async ({ newTask }) => [`POST /api/v1/matching/tasks/${await newTask()}/start`],
    signedIn: [201, 403, 403, 403, 201],
  },
  {
    route: "POST /api/v1/matching/tasks/{task_id}/start",
    why: "what does not exist is 404 before anybody could own it",
    about: "no task",
    request: async () => ["POST /api/v1/matching/tasks/tsk_none/start"],
    signedIn: 404,
  },
  {
    route: "GET /api/v1/matching/proposals",
    why: "a DEVELOPER sees its own, ADMIN all; a CLIENT has none of its own",
    about: "caller's list",
    request: async () => [`GET ${PROPOSALS}`],
    signedIn: [403, 403, 200, 200, 200],
  },
  {
    route: "GET /api/v1/matching/proposals",
    why: "with task_id also the task's owner; a DEVELOPER still its own",
    request: async ({ openTask }) => [`GET ${PROPOSALS}?task_id=${openTask}`],
    signedIn: [200, 403, 200, 200, 200],
  },
  {
    route: "GET /api/v1/matching/proposals",
    why: "a task that does not exist is 404 for who would have to own it, and has no proposals",
    about: "no task",
    request: async () => [`GET ${PROPOSALS}?task_id=tsk_none`],
    signedIn: [404, 404, 200, 200, 200],
  },
  {
    route: "POST /api/v1/matching/proposals/{proposal_id}/accept",
    why: "the developer it is for, and nobody in their place",
    request: async ({ newProposal }) => [`POST ${PROPOSALS}/${await newProposal()}/accept`],
    signedIn: [403, 403, 403, 200, 403],
  },
  {
    route: "POST /api/v1/matching/proposals/{proposal_id}/accept",
    why: "the role is known before the proposal",
    about: "no proposal",
    request: async () => [`POST ${PROPOSALS}/prp_none/accept`],
    signedIn: [403, 403, 404, 404, 403],
  },
  {
    route: "POST /api/v1/matching/proposals/{proposal_id}/reject",
    why: "the developer it is for, and nobody in their place",
    request: async ({ newProposal }) => [`POST ${PROPOSALS}/${await newProposal()}/reject`, { reason: "No time" }],
    signedIn: [403, 403, 403, 200, 403],
  },
  {
    route: "POST /api/v1/matching/proposals/{proposal_id}/reject",
    why: "the role is known before the proposal",
    about: "no proposal",
    request: async () => [`POST ${PROPOSALS}/prp_none/reject`],
    signedIn: [403, 403, 404, 404, 403],
  },
  {
    route: "GET /api/v1/matching/proposals/events",
    why: "a DEVELOPER hears of its own, ADMIN of all; a CLIENT has none of its own",
    about: "caller's list",
    request: async () => [`GET ${PROPOSALS}/events`],
    signedIn: [403, 403, 200, 200, 200],
  },
  {
    route: "GET /api/v1/matching/proposals/events",
    why: "with task_id also the task's owner; a DEVELOPER still of its own",
    request: async ({ assignedTask }) => [`GET ${PROPOSALS}/events?task_id=${assignedTask}`],
    signedIn: [200, 403, 200, 200, 200],
  },
  {
    route: "GET /api/v1/matching/proposals/events",
    why: "a task that does not exist is 404 for who would have to own it",
    about: "no task",
    request: async () => [`GET ${PROPOSALS}/events?task_id=tsk_none`],
    signedIn: [404, 404, 200, 200, 200],
  },
  // Last: it ends the callers' sessions.
  {
    route: "POST /api/v1/auth/logout",
    why: "any signed-in user",
    request: async () => ["POST /api/v1/auth/logout"],
    signedIn: 200,
  },
];

const SERVICES = [AuthService, UsersService, TasksService, MatchingService];
const OPERATIONS = ["/health", "/health/live", "/health/ready", "/health/detailed", "/metrics"];

/** What a client might plant to be taken for somebody else. */
const PLANTED = {
  "x-user-id": "usr_admin",
  "x-user-role": "ADMIN",
  "x-forwarded-user": "admin",
  "x-role": "ADMIN",
};

/** Section 3 of the contract over HTTP: every route by every caller, plain and with a planted identity. */
export function accessSuite(target: Target): void {
  let world: World;
  beforeAll(async () => {
    world = await createWorld(target().url);
  });

  test("the rows cover every route of the contract, and no other", () => {
    const bindings = httpBindings(SERVICES);
    const routes = bindings.map(routeOf);
    expect([...new Set(ROWS.map(({ route }) => route))].toSorted()).toEqual(routes.toSorted());
  });

  describe("the matrix that the proto's policies make", () => {
    const bindings = httpBindings(SERVICES);
    const takesBody = new Set(bindings.filter(({ body }) => body.kind !== "none").map(routeOf));
    const policies = new Map(bindings.map((binding) => [routeOf(binding), binding.policy]));
    const cells = ROWS.flatMap((row) => CALLERS.map((caller) => [row.route, row.why, caller, row] as const));

    test.each(cells)("%s (%s): %s is let in or not, as the rows by hand say", (route, _why, caller, row) => {
      const policy = policies.get(route)!;
      const status = expectedStatus(row, caller);
      expect(edgeRefusal(policy, caller) ?? (dataAllows(policy, row, caller) ? "in" : 403)).toBe(
        status === 401 || status === 403 ? status : "in",
      );
    });

    // Whatever claims an identity where the contract has no place for one is refused, and never before a 401 or 403.
    describe.each([
      ["query", (request: string, body: unknown) => [`${withQuery(request)}role=ADMIN&sub=usr_admin`, body]],
      ["body", (request: string, body: unknown) => [request, { ...(body as object), role: "ADMIN", sub: "usr_admin" }]],
    ] as const)("J-22 an identity in the %s", (place, plant) => {
      const first = [...policies.keys()].map((route) => ROWS.find((row) => row.route === route)!);
      const planted = first
        .filter(({ route }) => place === "query" || takesBody.has(route))
        .flatMap((row) => CALLERS.map((caller) => [row.route, caller, row] as const));
      test.each(planted)("%s by %s is not believed", async (route, caller, row) => {
        const [plain, plainBody] = await row.request(world, caller);
        const [request, body] = plant(plain, plainBody) as [string, unknown];
        const answer = await call(target().url, request, { token: tokenOf(world, caller), body });
        expect(answer.status, JSON.stringify(answer.body)).toBe(edgeRefusal(policies.get(route)!, caller) ?? 400);
      });
    });
  });

  describe.each(ROWS.map((row) => [row.route, row.why, row] as const))("%s (%s)", (_route, _why, row) => {
    const cells = CALLERS.map((caller) => [caller, expectedStatus(row, caller)] as const);

    test.each(cells)("%s gets %i", async (caller, status) => {
      const { url } = target();
      const [request, body] = await row.request(world, caller);
      const token = tokenOf(world, caller);
      // With a planted identity first: had it any effect, the plain call would still show the right answer.
      const headers = PLANTED;
      const options: CallOptions = { ...(body === undefined ? {} : { body }), token };
      const planted = await call(url, request, { ...options, headers });
      expect(planted.status, JSON.stringify(planted.body)).toBe(status);
      if (planted.status < 300) return;
      const answer = await call(url, request, options);
      expect(answer.status).toBe(status);
      expectRefusal(answer, status);
    });
  });

  test.each(OPERATIONS)("anyone may read %s", async (path) => {
    expect((await call(target().url, `GET ${path}`)).status).toBe(200);
    expect((await call(target().url, `GET ${path}`, { token: "garbage" })).status).toBe(200);
  });

  describe("what is not in the body cannot be planted there", () => {
    const rows = [
      ["a task's client", "POST /api/v1/tasks", { ...TASK, client_id: "usr_x" }, "client_id"],
      ["a profile's user", "POST /api/v1/users/developers", profileOf("usr_x"), "user_id"],
      ["a path's id in the query", "PUT /api/v1/users/developers/SELF?user_id=usr_x", { bio: "x" }, "user_id"],
      ["a path's id in the body", "PUT /api/v1/users/developers/SELF/presence", planted("usr_x"), "user_id"],
    ] as const;
    test.each(rows)("%s", async (_what, request, body, field) => {
      const { url } = target();
      const person = await register(url, request.includes("tasks") ? "CLIENT" : "DEVELOPER");
      const answer = await call(url, request.replace("SELF", person.userId), { token: person.token, body });
      expect(answer.status).toBe(400);
      expect(answer.body.errors.map((error: { field: string }) => error.field)).toContain(field);
    });
  });

  test("a list shows a CLIENT its own, a DEVELOPER what is OPEN or its own, ADMIN everything", async () => {
    const { url } = target();
    const { people, openTask, assignedTask } = await createWorld(url);
    const { owner, client, developer, assignee, admin } = people;
    const listed = async (person: Person, query = "") => {
      const { body } = await call(url, `GET /api/v1/tasks?limit=100${query}`, { token: person.token });
      return body.map((task: { task_id: string }) => task.task_id) as string[];
    };
    expect((await listed(owner)).toSorted()).toEqual([openTask, assignedTask].toSorted());
    expect(await listed(client)).toEqual([]);
    expect(await listed(developer)).toContain(openTask);
    expect(await listed(developer)).not.toContain(assignedTask);
    expect(await listed(developer, "&status=ASSIGNED")).toEqual([]);
    expect(await listed(assignee, "&status=ASSIGNED")).toEqual([assignedTask]);
    expect(await listed(developer, `&client_id=${owner.userId}`)).toEqual([openTask]);
    expect(await listed(admin, `&client_id=${owner.userId}`)).toHaveLength(2);
  });

  test("a list of proposals shows a DEVELOPER its own, the task's owner the task's, ADMIN everything", async () => {
    const { url } = target();
    const { people, assignedTask, newProposal } = await createWorld(url);
    const { owner, developer, assignee, admin } = people;
    const listed = async (person: Person, query = "") => {
      const { body } = await call(url, `GET ${PROPOSALS}?limit=100${query}`, { token: person.token });
      return body.map((proposal: { proposal_id: string }) => proposal.proposal_id) as string[];
    };
    const open = await newProposal();
    const [accepted] = await listed(owner, `&task_id=${assignedTask}`);
    expect(await listed(owner, `&task_id=${assignedTask}`)).toEqual([accepted]);
    expect(await listed(assignee)).toEqual([open, accepted]);
    expect(await listed(assignee, `&task_id=${assignedTask}`)).toEqual([accepted]);
    expect(await listed(developer)).toEqual([]);
    expect(await listed(developer, `&task_id=${assignedTask}`)).toEqual([]);
    expect(await listed(admin)).toEqual(expect.arrayContaining([open, accepted]));
    expect(await listed(admin, `&task_id=${assignedTask}`)).toEqual([accepted]);
  });
}

function expectedStatus({ signedIn, others = 401 }: Row, caller: CallerName): number {
  const index = CALLERS.indexOf(caller) - 2;
  if (index < 0) return others;
  return typeof signedIn === "number" ? signedIn : signedIn[index]!;
}

const ROLES: Readonly<Partial<Record<CallerName, Role>>> = {
  owner: Role.CLIENT,
  client: Role.CLIENT,
  developer: Role.DEVELOPER,
  assignee: Role.DEVELOPER,
  admin: Role.ADMIN,
};

/** What the policy refuses before the request is read: by the token, the role and the path, which is the developer's. */
function edgeRefusal({ access, roles, selfField }: RpcPolicy, caller: CallerName): 401 | 403 | undefined {
  if (access === Access.ANYONE) return undefined;
  const role = ROLES[caller];
  if (role === undefined) return 401;
  if (roles.length > 0 && !roles.includes(role)) return 403;
  return selfField !== undefined && caller !== "developer" && caller !== "admin" ? 403 : undefined;
}

/** What the policy's data rule says of somebody whom the edge lets through. */
function dataAllows({ data }: RpcPolicy, { about }: Row, caller: CallerName): boolean {
  if (caller === "admin" || about === "no task" || about === "no proposal") return true;
  const isOwner = caller === "owner";
  switch (data) {
    case DataRule.TASK_OWNER:
      return isOwner;
    case DataRule.TASK_READER:
      return isOwner || caller === "assignee" || (caller === "developer" && about !== "assigned task");
    case DataRule.TASK_LIST:
      return caller !== "client" || about === "caller's list";
    case DataRule.PROPOSAL_READER:
      return ROLES[caller] === Role.DEVELOPER || (isOwner && about !== "caller's list");
    case DataRule.PROPOSAL_DEVELOPER:
      return caller === "assignee";
    default:
      return true;
  }
}

function routeOf({ method, template }: HttpBinding): string {
  return `${method} ${template.source}`;
}

function withQuery(request: string): string {
  return `${request}${request.includes("?") ? "&" : "?"}`;
}

function tokenOf({ people }: World, caller: CallerName): string | undefined {
  if (caller === "anonymous") return undefined;
  return caller === "garbage" ? "eyJhbGciOiJub25lIn0.e30." : people[caller].token;
}

const CODES: Readonly<Record<number, string>> = {
  401: "AUTHENTICATION_FAILED",
  403: "ACCESS_DENIED",
  404: "NOT_FOUND",
  409: "ALREADY_EXISTS",
};

function expectRefusal({ headers, body }: Awaited<ReturnType<typeof call>>, status: number): void {
  expect(headers.get("content-type")).toBe("application/problem+json");
  expect(body.code).toBe(CODES[status]);
  expect(body.request_id).toBe(headers.get("x-request-id"));
  if (status === 401) expect(headers.get("www-authenticate")).toMatch(/^Bearer /);
}

async function createWorld(url: string): Promise<World> {
  const [owner, client, developer, assignee, admin] = await Promise.all([
    register(url, "CLIENT"),
    register(url, "CLIENT"),
    register(url, "DEVELOPER"),
    register(url, "DEVELOPER"),
    signInAdmin(url),
  ]);
  // A skill of this world alone, so that only the assignee is proposed.
  const skill = `access-${++fresh}-${process.pid}`;
  const newTask = async () => {
    const body = { ...TASK, skill_tags: [skill] };
    return (await must(url, "POST /api/v1/tasks", owner, body)).task_id as string;
  };
  const propose = async (taskId: string) => {
    const { proposals } = await must(url, `POST /api/v1/matching/tasks/${taskId}/start`, owner);
    expect(proposals, "the assignee is the only one who fits").toMatchObject([{ user_id: assignee.userId }]);
    return proposals[0].proposal_id as string;
  };
  const newSession = async () => {
    const body = { email: client.email, password: client.password };
    return (await call(url, "POST /api/v1/auth/login", { body })).body.refresh_token as string;
  };
  await makeProfile(url, developer, "access");
  await makeProfile(url, assignee, skill);
  await must(url, `PUT /api/v1/users/developers/${assignee.userId}/presence`, assignee, { presence: "SEARCHING" });
  const assignedTask = await newTask();
  await must(url, `POST ${PROPOSALS}/${await propose(assignedTask)}/accept`, assignee);
  return {
    people: { owner, client, developer, assignee, admin },
    openTask: await newTask(),
    assignedTask,
    newTask,
    newProposal: async () => propose(await newTask()),
    newSession,
  };
}

async function makeProfile(url: string, person: Person, skill: string): Promise<void> {
  const body = { display_name: "Somebody", email: person.email, skill_tags: [skill], hourly_rate: 50 };
  await must(url, "POST /api/v1/users/developers", person, body);
}

async function must(url: string, request: string, { token }: Person, body?: object) {
  const answer = await call(url, request, { token, body });
  expect(answer.status, `${request}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
  return answer.body;
}

function profileOf(userId: string) {
  return { display_name: "Somebody", email: "x@devmatch.example", skill_tags: ["access"], user_id: userId };
}

function planted(userId: string) {
  return { presence: "IDLE", user_id: userId };
}
