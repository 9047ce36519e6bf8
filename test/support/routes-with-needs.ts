import type { ServiceName } from "#platform/platform.ts";
import { type Answer, type CallOptions, call, type Person, register } from "./gateway-under-test.ts";
import { newSkill } from "./samples.ts";

/** Somebody for every part, and things to do something with: one of each for whatever can be done only once. */
export interface Cast {
  readonly client: Person;
  /** A developer with a profile, who is online. */
  readonly developer: Person;
  /** A developer without a profile. */
  readonly newcomer: Person;
  /** Somebody whose session is for ending. */
  readonly leaver: Person;
  readonly taskId: string;
  /** A task for deleting. */
  readonly doomedTaskId: string;
  /** A proposal to the developer, for accepting. */
  readonly proposalId: string;
  /** Another one, for rejecting. */
  readonly doomedProposalId: string;
}

export interface RouteWithNeeds {
  /** As in contract.md section 2. */
  readonly number: number;
  /** The route as in the proto. */
  readonly route: string;
  /** What it cannot be answered without. */
  readonly needs: readonly ServiceName[];
  /** When nothing is wrong. */
  readonly status: number;
  /** A stream of events: it begins well, too, while what it needs is only silent. */
  readonly isStream?: true;
  request(cast: Cast): readonly [request: string, by?: Person | undefined, body?: object];
}

const SKILL = "routes";
const TASK = { title: "Routes", description: "", skill_tags: [SKILL], budget_lower_bound: 10, budget_upper_bound: 90 };
const DEVELOPERS = "/api/v1/users/developers";
const PROPOSALS = "/api/v1/matching/proposals";
const PASSWORD = "Correct-horse-1";

/** Routes 1 to 25: one request each that succeeds while the platform is well, and what each depends on. */
export const ROUTES_WITH_NEEDS: readonly RouteWithNeeds[] = [
  {
    number: 1,
    route: "POST /api/v1/auth/register",
    needs: ["users"],
    status: 201,
    request: () => ["POST /api/v1/auth/register", undefined, newAccount()],
  },
  {
    number: 2,
    route: "POST /api/v1/auth/login",
    needs: ["users"],
    status: 200,
    request: ({ client: { email, password } }) => ["POST /api/v1/auth/login", undefined, { email, password }],
  },
  {
    number: 3,
    route: "POST /api/v1/auth/refresh",
    needs: ["users"],
    status: 200,
    request: ({ client }) => ["POST /api/v1/auth/refresh", undefined, { refresh_token: client.refreshToken }],
  },
  {
    number: 4,
    route: "POST /api/v1/auth/logout",
    needs: [],
    status: 200,
    request: ({ leaver }) => ["POST /api/v1/auth/logout", leaver],
  },
  {
    number: 5,
    route: "GET /api/v1/auth/me",
    needs: ["users"],
    status: 200,
    request: ({ client }) => ["GET /api/v1/auth/me", client],
  },
  {
    number: 6,
    route: "POST /api/v1/users/developers",
    needs: ["users"],
    status: 201,
    request: ({ newcomer }) => [`POST ${DEVELOPERS}`, newcomer, profileOf(newcomer)],
  },
  {
    number: 7,
    route: "PUT /api/v1/users/developers/{user_id}",
    needs: ["users"],
    status: 200,
    request: ({ developer }) => [`PUT ${DEVELOPERS}/${developer.userId}`, developer, { bio: "New" }],
  },
  {
    number: 8,
    route: "PUT /api/v1/users/developers/{user_id}/presence",
    // And tells the Presence Service, without which it does as well.
    needs: ["users"],
    status: 200,
    request: ({ developer }) => [`PUT ${DEVELOPERS}/${developer.userId}/presence`, developer, { presence: "IDLE" }],
  },
  {
    number: 9,
    route: "GET /api/v1/users/developers",
    needs: ["users"],
    status: 200,
    request: ({ client }) => [`GET ${DEVELOPERS}`, client],
  },
  {
    number: 10,
    route: "GET /api/v1/users/developers/{user_id}",
    needs: ["users"],
    status: 200,
    request: ({ client, developer }) => [`GET ${DEVELOPERS}/${developer.userId}`, client],
  },
  {
    number: 11,
    route: "GET /api/v1/users/me",
    needs: ["users"],
    status: 200,
    request: ({ developer }) => ["GET /api/v1/users/me", developer],
  },
  {
    number: 12,
    route: "POST /api/v1/tasks",
    needs: ["tasks"],
    status: 201,
    request: ({ client }) => ["POST /api/v1/tasks", client, TASK],
  },
  {
    number: 13,
    route: "GET /api/v1/tasks/{task_id}",
    needs: ["tasks"],
    status: 200,
    request: ({ client, taskId }) => [`GET /api/v1/tasks/${taskId}`, client],
  },
  {
    number: 14,
    route: "PUT /api/v1/tasks/{task_id}",
    needs: ["tasks"],
    status: 200,
    request: ({ client, taskId }) => [`PUT /api/v1/tasks/${taskId}`, client, { description: "New" }],
  },
  {
    number: 15,
    route: "GET /api/v1/tasks",
    needs: ["tasks"],
    status: 200,
    request: ({ client }) => ["GET /api/v1/tasks", client],
  },
  {
    number: 16,
    route: "DELETE /api/v1/tasks/{task_id}",
    needs: ["tasks"],
    status: 200,
    request: ({ client, doomedTaskId }) => [`DELETE /api/v1/tasks/${doomedTaskId}`, client],
  },
  {
    number: 17,
    route: "POST /api/v1/matching/score",
    // The task for its owner, the online developers, their scores.
    needs: ["tasks", "users", "recommendation"],
    status: 200,
    request: ({ client, taskId }) => ["POST /api/v1/matching/score", client, { ...TASK, task_id: taskId }],
  },
  {
    number: 18,
    route: "POST /api/v1/matching/filter",
    needs: ["tasks", "recommendation"],
    status: 200,
    request: ({ client, developer, taskId }) => [
      "POST /api/v1/matching/filter",
      client,
      { ...TASK, task_id: taskId, candidate_user_ids: [developer.userId] },
    ],
  },
  {
    number: 19,
    route: "GET /api/v1/matching/recommendations/{task_id}",
    needs: ["tasks", "users", "recommendation"],
    status: 200,
    request: ({ client, taskId }) => [`GET /api/v1/matching/recommendations/${taskId}`, client],
  },
  {
    number: 20,
    route: "GET /api/v1/matching/health",
    needs: ["recommendation"],
    status: 200,
    request: ({ client }) => ["GET /api/v1/matching/health", client],
  },
  {
    number: 21,
    route: "POST /api/v1/matching/tasks/{task_id}/start",
    // The task for its owner; the Orchestrator finds the developers by itself.
    needs: ["tasks", "orchestrator"],
    status: 201,
    request: ({ client, taskId }) => [`POST /api/v1/matching/tasks/${taskId}/start`, client, { limit: 1 }],
  },
  {
    number: 22,
    route: "GET /api/v1/matching/proposals",
    // Of a developer, whose own they are whatever the task.
    needs: ["orchestrator"],
    status: 200,
    request: ({ developer }) => ["GET /api/v1/matching/proposals", developer],
  },
  {
    number: 23,
    route: "POST /api/v1/matching/proposals/{proposal_id}/accept",
    needs: ["orchestrator"],
    status: 200,
    request: ({ developer, proposalId }) => [`POST ${PROPOSALS}/${proposalId}/accept`, developer],
  },
  {
    number: 24,
    route: "POST /api/v1/matching/proposals/{proposal_id}/reject",
    needs: ["orchestrator"],
    status: 200,
    request: ({ developer, doomedProposalId }) => [
      `POST ${PROPOSALS}/${doomedProposalId}/reject`,
      developer,
      { reason: "No time" },
    ],
  },
  {
    number: 25,
    route: "GET /api/v1/matching/proposals/events",
    needs: ["orchestrator"],
    status: 200,
    isStream: true,
    request: ({ developer }) => [`GET ${PROPOSALS}/events`, developer],
  },
];

/** Makes the people and the tasks that the requests are about. */
export async function gatherCast(url: string): Promise<Cast> {
  const [client, developer, newcomer, leaver] = await Promise.all([
    register(url, "CLIENT"),
    register(url, "DEVELOPER"),
    register(url, "DEVELOPER"),
    register(url, "CLIENT"),
  ]);
  const must = async (request: string, { token }: Person, body: object) => {
    const answer = await call(url, request, { token, body });
    if (answer.status >= 300) throw new Error(`${request}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const own = newSkill();
  await must(`POST ${DEVELOPERS}`, developer, { ...profileOf(developer), skill_tags: [SKILL, own] });
  await must(`PUT ${DEVELOPERS}/${developer.userId}/presence`, developer, { presence: "SEARCHING" });
  const { task_id: taskId } = await must("POST /api/v1/tasks", client, TASK);
  const { task_id: doomedTaskId } = await must("POST /api/v1/tasks", client, TASK);
  /** Of a task for which nobody else fits. */
  const propose = async (): Promise<string> => {
    const { task_id } = await must("POST /api/v1/tasks", client, { ...TASK, skill_tags: [own] });
    const { proposals } = await must(`POST /api/v1/matching/tasks/${task_id}/start`, client, {});
    return proposals[0].proposal_id;
  };
  const [proposalId, doomedProposalId] = [await propose(), await propose()];
  return { client, developer, newcomer, leaver, taskId, doomedTaskId, proposalId, doomedProposalId };
}

/** Makes the one request of a route, signed in as its own person unless told otherwise. */
export function callRoute(
  url: string,
  { request }: RouteWithNeeds,
  cast: Cast,
  options: CallOptions = {},
): Promise<Answer> {
  const [line, by, body] = request(cast);
  return call(url, line, { token: by?.token, body, ...options });
}

function newAccount() {
  const email = `routes-${crypto.randomUUID()}@devmatch.example`;
  return { email, password: PASSWORD, display_name: "Routes", user_type: "CLIENT" };
}

function profileOf({ email }: Person) {
  return { display_name: "Routes", email, skill_tags: [SKILL], hourly_rate: 50 };
}
