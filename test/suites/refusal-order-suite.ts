import { beforeAll, describe, expect, test } from "vitest";
import { type CallOptions, call } from "../support/gateway-under-test.ts";
import { type Cast, gatherCast } from "../support/todays-routes.ts";
import type { SuiteTarget } from "./suite-target.ts";

/** Two things or more are wrong with a request, and this is the one that is told. */
type Row = readonly [wins: string, over: string, request: (cast: Cast) => readonly [string, CallOptions]];

const TEXT = { "content-type": "text/plain" };
const HUGE = "x".repeat(1_048_577);
const BAD_TASK = { title: "" };

const ROWS: readonly Row[] = [
  ["404 NOT_FOUND", "no token: there is no such route for anybody", () => ["GET /api/v1/none", {}]],
  ["404 NOT_FOUND", "a bad token", () => ["GET /api/v1/none", { token: "garbage" }]],
  ["404 NOT_FOUND", "a body that is too large and no JSON", () => ["POST /api/v1/none", { body: HUGE, headers: TEXT }]],
  ["405 METHOD_NOT_ALLOWED", "no token", () => ["DELETE /api/v1/users/me", {}]],
  [
    "405 METHOD_NOT_ALLOWED",
    "a bad token and a bad id",
    () => ["PATCH /api/v1/tasks/-bad-", { token: "garbage", body: {} }],
  ],
  ["401 AUTHENTICATION_FAILED", "a body that is too large", () => ["POST /api/v1/tasks", { body: HUGE }]],
  ["401 AUTHENTICATION_FAILED", "a body that is no JSON", () => ["POST /api/v1/tasks", { body: "x", headers: TEXT }]],
  ["401 AUTHENTICATION_FAILED", "bad input", () => ["POST /api/v1/tasks", { token: "garbage", body: BAD_TASK }]],
  ["401 AUTHENTICATION_FAILED", "a bad id", () => ["GET /api/v1/tasks/-bad-", {}]],
  ["401 AUTHENTICATION_FAILED", "a thing that does not exist", () => ["GET /api/v1/tasks/tsk_none", {}]],
  [
    "403 ACCESS_DENIED",
    "a body that is too large, from a role that may not",
    ({ developer: { token } }) => ["POST /api/v1/tasks", { token, body: HUGE }],
  ],
  [
    "403 ACCESS_DENIED",
    "another content type, from a role that may not",
    ({ developer: { token } }) => ["POST /api/v1/tasks", { token, body: "x", headers: TEXT }],
  ],
  [
    "403 ACCESS_DENIED",
    "bad input, from a role that may not",
    ({ client: { token } }) => ["POST /api/v1/users/developers", { token, body: {} }],
  ],
  [
    "403 ACCESS_DENIED",
    "bad input, on somebody else's path",
    ({ client: { token }, developer }) => [`PUT /api/v1/users/developers/${developer.userId}`, { token, body: {} }],
  ],
  [
    "403 ACCESS_DENIED",
    "a body that is too large, on somebody else's path",
    ({ newcomer: { token }, developer }) => [
      `PUT /api/v1/users/developers/${developer.userId}/presence`,
      { token, body: HUGE },
    ],
  ],
  [
    "403 ACCESS_DENIED",
    "a profile that does not exist: that is not told to strangers",
    ({ developer: { token } }) => ["PUT /api/v1/users/developers/usr_none", { token, body: { bio: "x" } }],
  ],
  [
    "403 ACCESS_DENIED",
    "a bad id in a path that is not the caller's",
    ({ developer: { token } }) => ["PUT /api/v1/users/developers/-bad-", { token, body: { bio: "x" } }],
  ],
  [
    "413 PAYLOAD_TOO_LARGE",
    "bad input",
    ({ client: { token } }) => ["POST /api/v1/tasks", { token, body: { title: HUGE } }],
  ],
  [
    "413 PAYLOAD_TOO_LARGE",
    "a task that does not exist",
    ({ client: { token } }) => ["PUT /api/v1/tasks/tsk_none", { token, body: { title: HUGE } }],
  ],
  [
    "415 UNSUPPORTED_MEDIA_TYPE",
    "bad input",
    ({ client: { token } }) => ["POST /api/v1/tasks", { token, body: "{]", headers: TEXT }],
  ],
  [
    "415 UNSUPPORTED_MEDIA_TYPE",
    "a task that does not exist",
    ({ client: { token } }) => ["PUT /api/v1/tasks/tsk_none", { token, body: "{}", headers: TEXT }],
  ],
  [
    "400 VALIDATION_ERROR",
    "a task that does not exist",
    ({ client: { token } }) => ["PUT /api/v1/tasks/tsk_none", { token, body: BAD_TASK }],
  ],
  [
    "400 VALIDATION_ERROR",
    "a task that is somebody else's",
    ({ leaver: { token }, taskId }) => [`PUT /api/v1/tasks/${taskId}`, { token, body: BAD_TASK }],
  ],
  [
    "400 VALIDATION_ERROR",
    "a list of somebody else's tasks",
    ({ leaver: { token }, client }) => [`GET /api/v1/tasks?client_id=${client.userId}&limit=0`, { token }],
  ],
  [
    "400 VALIDATION_ERROR",
    "scores for somebody else's task",
    ({ leaver: { token }, taskId }) => ["POST /api/v1/matching/score", { token, body: { task_id: taskId } }],
  ],
  [
    "400 VALIDATION_ERROR",
    "recommendations for somebody else's task",
    ({ leaver: { token }, taskId }) => [`GET /api/v1/matching/recommendations/${taskId}?limit=0`, { token }],
  ],
  [
    "404 NOT_FOUND",
    "not being its owner: nobody owns what does not exist",
    ({ leaver: { token } }) => ["DELETE /api/v1/tasks/tsk_none", { token }],
  ],
];

/** "order of refusals" of the contract's section 7, by requests that several things are wrong with. */
export function refusalOrderSuite(target: () => SuiteTarget): void {
  let cast: Cast;
  beforeAll(async () => {
    cast = await gatherCast(target().url);
  });

  describe("of everything that is wrong, the first is told:", () => {
    test.each(ROWS)("%s before %s", async (wins, _over, request) => {
      const [line, options] = request(cast);
      const { status, body, headers } = await call(target().url, line, options);
      expect(`${status} ${body.code}`).toBe(wins);
      expect(headers.get("content-type")).toBe("application/problem+json");
    });
  });
}
