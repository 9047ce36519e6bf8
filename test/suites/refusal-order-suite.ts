import { beforeAll, expect, test } from "vitest";
import { type CallOptions, call, type Person, register } from "../support/gateway-under-test.ts";
import {
  ACCESS_DENIED,
  expectRefusal,
  invalid,
  METHOD_NOT_ALLOWED,
  NOT_FOUND,
  NOT_JSON,
  OVER_LIMIT,
  type Refusal,
  TOO_LARGE,
  UNAUTHENTICATED,
} from "../support/problems.ts";
import { createWorld, type World } from "../support/rest-routes.ts";
import { newProposal, newTask, profileBody, scoringBody, taskBody } from "../support/samples.ts";
import type { Target } from "./suite-target.ts";

interface Row {
  /** What is wrong with the request, the first of which it must be refused for. */
  readonly wrong: readonly [first: string, then: string];
  readonly request: (world: OrderWorld) => string;
  readonly token?: (world: OrderWorld) => string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly refusal: Refusal;
}

interface OrderWorld extends World {
  readonly stranger: Person;
  /** Somebody's whose status does not change again. */
  readonly completed: string;
  /** To somebody else than the developer, and rejected. */
  readonly proposalId: string;
}

const TEXT = { "content-type": "text/plain" };
const HUGE = "x".repeat(1_048_577);
const asStranger = ({ stranger }: OrderWorld) => stranger.token;
const asClient = ({ client }: OrderWorld) => client.token;
const garbage = () => "gar.ba.ge";
const otherProfile = ({ developer }: OrderWorld) => `PUT /api/v1/users/developers/${developer.userId}`;
const otherTask = ({ taskId }: OrderWorld) => `PUT /api/v1/tasks/${taskId}`;
const FAILED_PRECONDITION: Refusal = { status: 400, code: "FAILED_PRECONDITION" };

/** Two things wrong at a time: contract.md section 7 says which of them is answered. */
const ROWS: readonly Row[] = [
  {
    wrong: ["no such route", "no token"],
    request: () => "GET /api/v1/nothing",
    refusal: NOT_FOUND,
  },
  {
    wrong: ["no such route", "a bad token"],
    request: () => "POST /api/v1/tasks/a/b",
    token: garbage,
    refusal: NOT_FOUND,
  },
  {
    wrong: ["no such route", "a body of another type"],
    request: () => "POST /api/v1",
    body: "x",
    headers: TEXT,
    refusal: NOT_FOUND,
  },
  { wrong: ["the method", "no token"], request: () => "DELETE /api/v1/tasks", refusal: METHOD_NOT_ALLOWED },
  {
    wrong: ["the method", "a bad token"],
    request: () => "PUT /api/v1/auth/me",
    token: garbage,
    refusal: METHOD_NOT_ALLOWED,
  },
  {
    wrong: ["the method", "a bad id"],
    request: () => "POST /api/v1/tasks/-bad-",
    token: asClient,
    refusal: METHOD_NOT_ALLOWED,
  },
  {
    wrong: ["the method", "a body that is too large"],
    request: () => "PATCH /api/v1/tasks",
    token: asClient,
    body: HUGE,
    refusal: METHOD_NOT_ALLOWED,
  },
  { wrong: ["no token", "somebody else's path"], request: otherProfile, body: { bio: "" }, refusal: UNAUTHENTICATED },
  {
    wrong: ["no token", "a body that is too large"],
    request: () => "POST /api/v1/tasks",
    body: HUGE,
    refusal: UNAUTHENTICATED,
  },
  {
    wrong: ["no token", "a body of another type"],
    request: () => "POST /api/v1/tasks",
    body: "x",
    headers: TEXT,
    refusal: UNAUTHENTICATED,
  },
  { wrong: ["no token", "bad input"], request: () => "POST /api/v1/tasks", body: "{", refusal: UNAUTHENTICATED },
  { wrong: ["no token", "a bad id"], request: () => "GET /api/v1/tasks/-bad-", refusal: UNAUTHENTICATED },
  { wrong: ["no token", "no such task"], request: () => "GET /api/v1/tasks/tsk_nobody", refusal: UNAUTHENTICATED },
  {
    wrong: ["a bad token", "an unknown query parameter"],
    request: () => "GET /api/v1/tasks?x=1",
    token: garbage,
    refusal: UNAUTHENTICATED,
  },
  {
    wrong: ["the role", "a body that is too large"],
    request: () => "POST /api/v1/users/developers",
    token: asClient,
    body: HUGE,
    refusal: ACCESS_DENIED,
  },
  {
    wrong: ["the role", "a body of another type"],
    request: () => "POST /api/v1/users/developers",
    token: asClient,
    body: "x",
    headers: TEXT,
    refusal: ACCESS_DENIED,
  },
  {
    wrong: ["the role", "bad input"],
    request: () => "POST /api/v1/tasks",
    token: ({ developer }) => developer.token,
    body: "{",
    refusal: ACCESS_DENIED,
  },
  {
    wrong: ["somebody else's path", "a body of another type"],
    request: otherProfile,
    token: asStranger,
    body: "x",
    headers: TEXT,
    refusal: ACCESS_DENIED,
  },
  {
    wrong: ["somebody else's path", "a body that is too large"],
    request: otherProfile,
    token: asStranger,
    body: HUGE,
    refusal: ACCESS_DENIED,
  },
  { wrong: ["somebody else's path", "bad input"], request: otherProfile, token: asStranger, refusal: ACCESS_DENIED },
  {
    wrong: ["somebody else's path", "an id that is none"],
    request: () => "PUT /api/v1/users/developers/-bad-",
    token: asStranger,
    body: { bio: "" },
    refusal: ACCESS_DENIED,
  },
  {
    wrong: ["somebody else's path", "nobody has a profile there"],
    request: () => "PUT /api/v1/users/developers/usr_nobody/presence",
    token: asStranger,
    body: { presence: "IDLE" },
    refusal: ACCESS_DENIED,
  },
  {
    wrong: ["a body that is too large", "bad input"],
    request: () => "POST /api/v1/tasks?x=1",
    token: asClient,
    body: HUGE,
    refusal: TOO_LARGE,
  },
  {
    wrong: ["a body of another type", "bad input"],
    request: () => "PUT /api/v1/tasks/-bad-?x=1",
    token: asClient,
    body: "{",
    headers: TEXT,
    refusal: NOT_JSON,
  },
  {
    wrong: ["a body of another type", "no such task"],
    request: () => "PUT /api/v1/tasks/tsk_nobody",
    token: asClient,
    body: "x",
    headers: TEXT,
    refusal: NOT_JSON,
  },
  {
    wrong: ["a body of another type", "wrong credentials"],
    request: () => "POST /api/v1/auth/login",
    body: JSON.stringify({ email: "nobody@devmatch.example", password: "x" }),
    headers: TEXT,
    refusal: NOT_JSON,
  },
  {
    wrong: ["bad input", "no such task"],
    request: () => "PUT /api/v1/tasks/tsk_nobody",
    token: asClient,
    body: { title: "" },
    refusal: invalid("title"),
  },
  {
    wrong: ["bad input", "somebody else's task"],
    request: otherTask,
    token: asStranger,
    body: { title: "" },
    refusal: invalid("title"),
  },
  {
    wrong: ["bad input", "another's client_id"],
    request: ({ client }) => `GET /api/v1/tasks?client_id=${client.userId}&limit=0`,
    token: asStranger,
    refusal: invalid("limit"),
  },
  {
    wrong: ["bad input", "no such task in the body"],
    request: () => "POST /api/v1/matching/score",
    token: asClient,
    body: { ...scoringBody("tsk_nobody"), limit: 0 },
    refusal: invalid("limit"),
  },
  {
    wrong: ["bad input", "wrong credentials"],
    request: () => "POST /api/v1/auth/login?x=1",
    body: { email: "nobody@devmatch.example", password: "x" },
    refusal: invalid("x"),
  },
  {
    wrong: ["bad input", "a second profile"],
    request: () => "POST /api/v1/users/developers",
    token: ({ developer }) => developer.token,
    body: { ...profileBody(), hourly_rate: -1 },
    refusal: invalid("hourly_rate"),
  },
  {
    wrong: ["the role", "no such proposal"],
    request: () => "POST /api/v1/matching/proposals/prp_nobody/accept",
    token: asClient,
    refusal: ACCESS_DENIED,
  },
  {
    wrong: ["the role", "bad input, to accept a proposal"],
    request: () => "POST /api/v1/matching/proposals/-bad-/accept",
    token: asClient,
    body: "{",
    refusal: ACCESS_DENIED,
  },
  {
    wrong: ["bad input", "somebody else's proposal"],
    request: ({ proposalId }) => `POST /api/v1/matching/proposals/${proposalId}/reject`,
    token: ({ developer }) => developer.token,
    body: { reason: 1 },
    refusal: invalid("reason"),
  },
  {
    wrong: ["somebody else's proposal", "it has been answered"],
    request: ({ proposalId }) => `POST /api/v1/matching/proposals/${proposalId}/accept`,
    token: ({ developer }) => developer.token,
    refusal: ACCESS_DENIED,
  },
  {
    wrong: ["bad input", "no task named, to list its proposals"],
    request: () => "GET /api/v1/matching/proposals?limit=0",
    token: asClient,
    refusal: invalid("limit"),
  },
  {
    wrong: ["bad input", "somebody else's task, to hear of its proposals"],
    request: ({ taskId }) => `GET /api/v1/matching/proposals/events?task_id=${taskId}&x=1`,
    token: asStranger,
    refusal: invalid("x"),
  },
  {
    wrong: ["somebody else's task, to hear of its proposals", "an event that there cannot be"],
    request: ({ taskId }) => `GET /api/v1/matching/proposals/events?task_id=${taskId}&after_event_id=no`,
    token: asStranger,
    refusal: ACCESS_DENIED,
  },
  {
    wrong: ["no such task, to hear of its proposals", "an event that there cannot be"],
    request: () => "GET /api/v1/matching/proposals/events?task_id=tsk_nobody&after_event_id=no",
    token: asStranger,
    refusal: NOT_FOUND,
  },
  {
    wrong: ["somebody else's task, to start matching", "it is not open"],
    request: ({ completed }) => `POST /api/v1/matching/tasks/${completed}/start`,
    token: asStranger,
    refusal: ACCESS_DENIED,
  },
  {
    wrong: ["bad input, to start matching", "it is not open"],
    request: ({ completed }) => `POST /api/v1/matching/tasks/${completed}/start`,
    token: asClient,
    body: { strategy: "none" },
    refusal: invalid("strategy"),
  },
  {
    wrong: ["no such task", "it would not be the caller's"],
    request: () => "PUT /api/v1/tasks/tsk_nobody",
    token: asStranger,
    body: { title: "x" },
    refusal: NOT_FOUND,
  },
  {
    wrong: ["somebody else's task", "budgets that the stored ones make wrong"],
    request: otherTask,
    token: asStranger,
    body: { budget_lower_bound: 1e9 },
    refusal: ACCESS_DENIED,
  },
  {
    wrong: ["somebody else's task", "a status that does not change again"],
    request: ({ completed }) => `PUT /api/v1/tasks/${completed}`,
    token: asStranger,
    body: { status: "OPEN" },
    refusal: ACCESS_DENIED,
  },
  {
    wrong: ["budgets that the stored ones make wrong", "a status that does not change again"],
    request: ({ completed }) => `PUT /api/v1/tasks/${completed}`,
    token: asClient,
    body: { status: "OPEN", budget_lower_bound: 1e9 },
    refusal: invalid("budget_lower_bound"),
  },
  {
    wrong: ["a status that does not change again", "nothing else"],
    request: ({ completed }) => `PUT /api/v1/tasks/${completed}`,
    token: asClient,
    body: { status: "OPEN" },
    refusal: FAILED_PRECONDITION,
  },
];

async function createOrderWorld(url: string): Promise<OrderWorld> {
  const common = await createWorld(url);
  const [stranger, completed] = await Promise.all([register(url, "CLIENT"), newTask(url, common.client)]);
  const body = { status: "COMPLETED" };
  await call(url, `PUT /api/v1/tasks/${completed}`, { token: common.client.token, body });
  const { proposalId, developer } = await newProposal(url, common.client);
  await call(url, `POST /api/v1/matching/proposals/${proposalId}/reject`, { token: developer.token });
  return { ...common, stranger, completed, proposalId };
}

/** The order of refusals, pair by pair. */
export function refusalOrderSuite(target: Target): void {
  let world: OrderWorld;
  beforeAll(async () => {
    world = await createOrderWorld(target().url);
  });

  test.each(ROWS.map((row) => [...row.wrong, row] as const))("%s comes before: %s", async (_first, _then, row) => {
    const { url } = target();
    const { request, token, body, headers = {}, refusal } = row;
    await expectRefusal(url, request(world), { token: token?.(world), body, headers }, refusal);
  });

  test("a refused update has not changed the task", async () => {
    const { url, client, taskId } = world;
    const { body } = await call(url, `GET /api/v1/tasks/${taskId}`, { token: client.token });
    expect(body).toMatchObject({ ...taskBody(), status: "OPEN" });
  });
}

/** What the gateway of the next suite must be told: enough for the suite to set itself up, and a window of a day. */
export const TIGHT_LIMITS: Readonly<Record<string, string>> = {
  RATE_LIMIT_REQUESTS: "30",
  RATE_LIMIT_ANONYMOUS: "30",
  RATE_LIMIT_LOGIN: "3",
  RATE_LIMIT_WINDOW: "86400",
};

/** Beyond its limit every one of these requests is refused for that and nothing else, whatever is wrong with it. */
export function overLimitSuite(target: Target): void {
  let world: OrderWorld;
  beforeAll(async () => {
    const { url } = target();
    world = await createOrderWorld(url);
    const untilRefused = async (request: string, options: CallOptions) => {
      for (let sent = 0; (await call(url, request, options)).status !== 429; sent += 1) expect(sent).toBeLessThan(100);
    };
    for (const { token } of [world.client, world.developer, world.stranger]) {
      await untilRefused("GET /api/v1/auth/me", { token });
    }
    await untilRefused("GET /api/v1/nothing", {});
    await untilRefused("POST /api/v1/auth/login", { body: "{" });
  });

  test.each(ROWS.map((row) => [row.wrong.join(" and "), row] as const))(
    "the limit comes before: %s",
    async (_, row) => {
      const { request, token, body, headers = {} } = row;
      await expectRefusal(target().url, request(world), { token: token?.(world), body, headers }, OVER_LIMIT);
    },
  );
}
