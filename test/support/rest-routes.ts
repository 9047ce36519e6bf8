import { call, type Person, register, signInAdmin } from "./gateway-under-test.ts";
import {
  accountBody,
  newDeveloper,
  newMatch,
  newProposal,
  newTask,
  profileBody,
  scoringBody,
  taskBody,
} from "./samples.ts";

/** People and things that calls are made with. */
export interface World {
  readonly url: string;
  readonly client: Person;
  /** Has a profile, and is online. */
  readonly developer: Person;
  readonly admin: Person;
  /** The client's. */
  readonly taskId: string;
}

export async function createWorld(url: string): Promise<World> {
  const client = await register(url, "CLIENT");
  const developer = await newDeveloper(url, { presence: "SEARCHING" });
  const [admin, taskId] = await Promise.all([signInAdmin(url), newTask(url, client)]);
  return { url, client, developer, admin, taskId };
}

export interface ReadyCall {
  readonly path: string;
  readonly token?: string;
  readonly body?: object;
}

/** One of contract.md section 2's first 25. */
export interface RestRoute {
  readonly route: string;
  readonly status: number;
  /** A call that succeeds; made anew for each try, since some calls work once. */
  readonly ready: (world: World) => ReadyCall | Promise<ReadyCall>;
}

/** Somebody new, for what a person can do once. */
const newSession = ({ url }: World) => register(url, "CLIENT");

export const REST_ROUTES: readonly RestRoute[] = [
  {
    route: "POST /api/v1/auth/register",
    status: 201,
    ready: () => ({ path: "/api/v1/auth/register", body: accountBody() }),
  },
  {
    route: "POST /api/v1/auth/login",
    status: 200,
    ready: ({ client: { email, password } }) => ({ path: "/api/v1/auth/login", body: { email, password } }),
  },
  {
    route: "POST /api/v1/auth/refresh",
    status: 200,
    async ready(world) {
      return { path: "/api/v1/auth/refresh", body: { refresh_token: (await newSession(world)).refreshToken } };
    },
  },
  {
    route: "POST /api/v1/auth/logout",
    status: 200,
    async ready(world) {
      const { token, refreshToken } = await newSession(world);
      return { path: "/api/v1/auth/logout", token, body: { refresh_token: refreshToken } };
    },
  },
  {
    route: "GET /api/v1/auth/me",
    status: 200,
    ready: ({ client: { token } }) => ({ path: "/api/v1/auth/me", token }),
  },
  {
    route: "POST /api/v1/users/developers",
    status: 201,
    async ready({ url }) {
      return {
        path: "/api/v1/users/developers",
        token: (await register(url, "DEVELOPER")).token,
        body: profileBody(),
      };
    },
  },
  {
    route: "PUT /api/v1/users/developers/{user_id}",
    status: 200,
    ready: ({ developer: { userId, token } }) => ({
      path: `/api/v1/users/developers/${userId}`,
      token,
      body: { skill_tags: ["typescript", "grpc"], hourly_rate: 80, bio: "", links: [] },
    }),
  },
  {
    route: "PUT /api/v1/users/developers/{user_id}/presence",
    status: 200,
    ready: ({ developer: { userId, token } }) => ({
      path: `/api/v1/users/developers/${userId}/presence`,
      token,
      body: { presence: "SEARCHING" },
    }),
  },
  {
    route: "GET /api/v1/users/developers",
    status: 200,
    ready: ({ client: { token } }) => ({ path: "/api/v1/users/developers", token }),
  },
  {
    route: "GET /api/v1/users/developers/{user_id}",
    status: 200,
    ready: ({ client: { token }, developer }) => ({ path: `/api/v1/users/developers/${developer.userId}`, token }),
  },
  {
    route: "GET /api/v1/users/me",
    status: 200,
    ready: ({ developer: { token } }) => ({ path: "/api/v1/users/me", token }),
  },
  {
    route: "POST /api/v1/tasks",
    status: 201,
    ready: ({ client: { token } }) => ({ path: "/api/v1/tasks", token, body: { ...taskBody(), priority: 1 } }),
  },
  {
    route: "GET /api/v1/tasks/{task_id}",
    status: 200,
    ready: ({ client: { token }, taskId }) => ({ path: `/api/v1/tasks/${taskId}`, token }),
  },
  {
    route: "PUT /api/v1/tasks/{task_id}",
    status: 200,
    ready: ({ client: { token }, taskId }) => ({
      path: `/api/v1/tasks/${taskId}`,
      token,
      body: { ...taskBody(), status: "OPEN" },
    }),
  },
  {
    route: "GET /api/v1/tasks",
    status: 200,
    ready: ({ client: { token } }) => ({ path: "/api/v1/tasks", token }),
  },
  {
    route: "DELETE /api/v1/tasks/{task_id}",
    status: 200,
    async ready({ url, client }) {
      return { path: `/api/v1/tasks/${await newTask(url, client)}`, token: client.token };
    },
  },
  {
    route: "POST /api/v1/matching/score",
    status: 200,
    ready: ({ client: { token }, taskId }) => ({
      path: "/api/v1/matching/score",
      token,
      body: { ...scoringBody(taskId), limit: 5, strategy: "balanced" },
    }),
  },
  {
    route: "POST /api/v1/matching/filter",
    status: 200,
    ready: ({ client: { token }, developer, taskId }) => ({
      path: "/api/v1/matching/filter",
      token,
      body: {
        ...scoringBody(taskId),
        candidate_user_ids: [developer.userId],
        min_rating: 0,
        max_hourly_rate: 100,
        required_skills: ["grpc"],
        online_only: true,
      },
    }),
  },
  {
    route: "GET /api/v1/matching/recommendations/{task_id}",
    status: 200,
    ready: ({ client: { token }, taskId }) => ({ path: `/api/v1/matching/recommendations/${taskId}`, token }),
  },
  {
    route: "GET /api/v1/matching/health",
    status: 200,
    ready: ({ client: { token } }) => ({ path: "/api/v1/matching/health", token }),
  },
  {
    route: "POST /api/v1/matching/tasks/{task_id}/start",
    status: 201,
    async ready({ url, client }) {
      const { taskId } = await newMatch(url, client);
      const body = { limit: 5, strategy: "balanced" };
      return { path: `/api/v1/matching/tasks/${taskId}/start`, token: client.token, body };
    },
  },
  {
    route: "GET /api/v1/matching/proposals",
    status: 200,
    ready: ({ developer: { token } }) => ({ path: "/api/v1/matching/proposals", token }),
  },
  {
    route: "POST /api/v1/matching/proposals/{proposal_id}/accept",
    status: 200,
    async ready({ url, client }) {
      const { proposalId, developer } = await newProposal(url, client);
      return { path: `/api/v1/matching/proposals/${proposalId}/accept`, token: developer.token, body: {} };
    },
  },
  {
    route: "POST /api/v1/matching/proposals/{proposal_id}/reject",
    status: 200,
    async ready({ url, client }) {
      const { proposalId, developer } = await newProposal(url, client);
      const path = `/api/v1/matching/proposals/${proposalId}/reject`;
      return { path, token: developer.token, body: { reason: "I am on holiday." } };
    },
  },
  {
    route: "GET /api/v1/matching/proposals/events",
    status: 200,
    // Somebody new, to whom something has happened: a user may have a few streams only, and a silent one begins late.
    async ready({ url, client }) {
      return { path: "/api/v1/matching/proposals/events", token: (await newProposal(url, client)).developer.token };
    },
  },
];

export function routeNamed(route: string): RestRoute {
  const found = REST_ROUTES.find((each) => each.route === route);
  if (found === undefined) throw new Error(`there is no ${route}`);
  return found;
}

export const methodOf = ({ route }: RestRoute): string => route.slice(0, route.indexOf(" "));

/** Makes the route's good call, with the path changed where told. */
export async function callRoute(
  row: RestRoute,
  world: World,
  change: (path: string) => string = (path) => path,
  headers: Readonly<Record<string, string>> = {},
) {
  const { path, token, body } = await row.ready(world);
  return call(world.url, `${methodOf(row)} ${change(path)}`, { token, body, headers });
}
