import { connect } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { UserType } from "#gen/platform/common/v1/common_pb.ts";
import { GetTaskResponseSchema } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { cannot } from "../black-box/differences.ts";
import { openEvents } from "../support/event-stream.ts";
import { type Answer, type CallOptions, call, type Person, register } from "../support/gateway-under-test.ts";
import {
  cutConnection,
  endless,
  enveloped,
  rawAnswer,
  resetAfterHead,
  resetStream,
  tearSocket,
} from "../support/raw-answers.ts";
import type { ScriptedServices } from "../support/scripted-gateway.ts";
import { hang, type RawAnswer } from "../support/scripted-service.ts";
import type { SuiteTarget } from "./suite-target.ts";

export interface ErrorTarget extends SuiteTarget {
  readonly scripted: ScriptedServices;
  /** What the gateway has logged so far, an object a line. */
  readonly log: readonly Record<string, unknown>[];
}

/** What a problem must be (contract.md section 4). Without `detail` any sentence will do. */
interface Expected {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
  /** True where the row of section 4 promises Retry-After; the header must be absent elsewhere. */
  readonly retryAfter?: boolean;
}

const BAD_REQUEST = { status: 400, title: "Bad Request" };
const UNAUTHORIZED = { status: 401, title: "Unauthorized", code: "AUTHENTICATION_FAILED" };
const FORBIDDEN = { status: 403, title: "Forbidden", code: "ACCESS_DENIED" };
const CONFLICT = { status: 409, title: "Conflict" };
const NOT_FOUND = { status: 404, title: "Not Found", code: "NOT_FOUND" };
const LIMITED = { status: 429, title: "Too Many Requests", code: "RATE_LIMIT_EXCEEDED", retryAfter: true };
const NOT_IMPLEMENTED = { status: 501, title: "Not Implemented", code: "UNIMPLEMENTED" };
const GARBAGE = { status: 502, title: "Bad Gateway", code: "UPSTREAM_ERROR" };
const UNAVAILABLE = { status: 503, title: "Service Unavailable", code: "SERVICE_UNAVAILABLE", retryAfter: true };
const TOO_LATE = { status: 504, title: "Gateway Timeout", code: "DEADLINE_EXCEEDED" };

/** Words that a service wrote for people. */
const KIND_TEXT = "the task is in the wrong state";
/** What must not reach a client, whatever the code: an address, a query, a stack, a name of a machine. */
const LEAK = "leak-canary-7f3a";
const HOSTILE_TEXT = `${LEAK}: dial tcp 10.9.8.7:5432: refused\n    at Pool.query (/srv/${LEAK}/pool.js:10:5)`;

/** A row: the code that a service sends, what it becomes, and whether the service's own words are the client's. */
type CodeRow = readonly [code: Code, becomes: Expected, words: "its words" | "our words", why: string];

const CODES: readonly CodeRow[] = [
  [Code.InvalidArgument, { ...BAD_REQUEST, code: "INVALID_ARGUMENT" }, "its words", "the client can mend it"],
  [Code.FailedPrecondition, { ...BAD_REQUEST, code: "FAILED_PRECONDITION" }, "its words", "the client can mend it"],
  [Code.OutOfRange, { ...BAD_REQUEST, code: "OUT_OF_RANGE" }, "its words", "the client can mend it"],
  [Code.NotFound, NOT_FOUND, "its words", "what, and which one"],
  [Code.PermissionDenied, FORBIDDEN, "its words", "the service knows why"],
  [Code.AlreadyExists, { ...CONFLICT, code: "ALREADY_EXISTS" }, "its words", "what exists already"],
  [Code.Aborted, { ...CONFLICT, code: "ABORTED" }, "its words", "somebody else was faster"],
  [Code.ResourceExhausted, LIMITED, "our words", "how a service counts is its own affair"],
  [Code.Unimplemented, NOT_IMPLEMENTED, "our words", "it names rpcs that clients do not know"],
  [Code.Internal, GARBAGE, "our words", "a text of an internal error never reaches a client"],
  [Code.Unknown, GARBAGE, "our words", "as INTERNAL"],
  [Code.DataLoss, GARBAGE, "our words", "as INTERNAL"],
  [Code.Canceled, GARBAGE, "our words", "our client is still there, so it was not our client who cancelled"],
  [Code.Unauthenticated, GARBAGE, "our words", "our own credentials were refused, not the user's"],
  [Code.Unavailable, UNAVAILABLE, "our words", "it names addresses"],
  [Code.DeadlineExceeded, TOO_LATE, "our words", "it names addresses"],
];

/** A service that took the call and did not even begin to answer. */
const CUT_OFF = cannot("tell a service that died over a call from one that is not there") ? UNAVAILABLE : GARBAGE;

const TASK = { title: "Errors", skill_tags: ["errors"], budget_lower_bound: 10, budget_upper_bound: 90 };
const PROPOSALS = "/api/v1/matching/proposals";
const OK_TRAILERS = { "grpc-status": "0" };

/** A row: what stands in for the Task Service's answer, and why it is no answer. */
type GarbageRow = readonly [what: string, becomes: Expected, raw: RawAnswer];

const OF_CONNECT = { "content-type": "application/proto" };
const html = "<html><body>It works on leak-canary-7f3a!</body></html>";
const anyTask = toBinary(GetTaskResponseSchema, create(GetTaskResponseSchema, { task: { taskId: "tsk_1" } }));

const GARBAGE_ROWS: readonly GarbageRow[] = [
  ["a web page with status 200", GARBAGE, rawAnswer({ headers: { "content-type": "text/html" }, body: html })],
  [
    "a web page with status 500",
    GARBAGE,
    rawAnswer({ status: 500, headers: { "content-type": "text/html" }, body: html }),
  ],
  ["a proxy's 503: nobody is behind it", UNAVAILABLE, rawAnswer({ status: 503, body: html })],
  ["a proxy's 504: it waited in our place", TOO_LATE, rawAnswer({ status: 504, body: html })],
  [
    "a redirect: we go where we were told and nowhere else",
    GARBAGE,
    rawAnswer({ status: 302, headers: { location: "http://leak-canary-7f3a/" } }),
  ],
  ["JSON in place of protobuf", GARBAGE, rawAnswer({ headers: { "content-type": "application/json" }, body: "{}" })],
  ["nothing at all", GARBAGE, rawAnswer({})],
  ["a message without the trailers that say it is whole", GARBAGE, rawAnswer({ body: enveloped(anyTask) })],
  ["trailers that say OK without a message", GARBAGE, rawAnswer({ trailers: OK_TRAILERS })],
  [
    "two messages where there is one",
    GARBAGE,
    rawAnswer({ body: Buffer.concat([enveloped(anyTask), enveloped(anyTask)]), trailers: OK_TRAILERS }),
  ],
  [
    "an envelope longer than what follows",
    GARBAGE,
    rawAnswer({ body: enveloped(anyTask, { length: 4096 }), trailers: OK_TRAILERS }),
  ],
  [
    "an envelope beyond every limit",
    GARBAGE,
    rawAnswer({ body: enveloped(anyTask, { length: 0xffff_ffff }), trailers: OK_TRAILERS }),
  ],
  ["half an envelope", GARBAGE, rawAnswer({ body: new Uint8Array([0, 0]), trailers: OK_TRAILERS })],
  [
    "a compressed message that nobody asked for",
    GARBAGE,
    rawAnswer({
      headers: { "grpc-encoding": "snappy" },
      body: enveloped(anyTask, { flags: 1 }),
      trailers: OK_TRAILERS,
    }),
  ],
  [
    "bytes that are no protobuf",
    GARBAGE,
    rawAnswer({ body: enveloped(new Uint8Array(64).fill(0xff)), trailers: OK_TRAILERS }),
  ],
  [
    "a text that is no UTF-8",
    GARBAGE,
    rawAnswer({ body: enveloped(new Uint8Array([10, 4, 10, 2, 0xc3, 0x28])), trailers: OK_TRAILERS }),
  ],
  ["a status that gRPC does not have", GARBAGE, rawAnswer({ trailers: { "grpc-status": "99", "grpc-message": LEAK } })],
  ["a status that is no number", GARBAGE, rawAnswer({ trailers: { "grpc-status": LEAK } })],
  ["no answer at all to Connect", GARBAGE, rawAnswer({ status: 204, headers: OF_CONNECT })],
  [
    "Connect's status 200 with an error's text",
    GARBAGE,
    rawAnswer({ headers: { "content-type": "application/json" } }),
  ],
  [
    "Connect's bytes that are no protobuf",
    GARBAGE,
    rawAnswer({ headers: OF_CONNECT, body: new Uint8Array(64).fill(0xff) }),
  ],
  [
    "Connect's bytes in a coding that nobody asked for",
    GARBAGE,
    rawAnswer({ headers: { ...OF_CONNECT, "content-encoding": "gzip" }, body: anyTask }),
  ],
  [
    "Connect's error with a code that it does not have",
    GARBAGE,
    rawAnswer({
      status: 400,
      headers: { "content-type": "application/json" },
      body: `{"code":"${LEAK}","message":"${LEAK}"}`,
    }),
  ],
  [
    "Connect's error that is no JSON",
    GARBAGE,
    rawAnswer({ status: 500, headers: { "content-type": "application/json" }, body: `{"${LEAK}` }),
  ],
  ["a proxy's 504 without a body", TOO_LATE, rawAnswer({ status: 504 })],
  ["an answer without an end", GARBAGE, endless],
  ["a stream that is reset", CUT_OFF, resetStream],
  ["a stream that is reset after its head", GARBAGE, resetAfterHead],
  ["a connection that is cut", CUT_OFF, cutConnection],
  ["a socket that is torn", CUT_OFF, tearSocket],
];

/** Section 4 of the contract: each row produced for real, and nothing in it that is not the client's to know. */
export function errorSuite(target: () => ErrorTarget): void {
  let client: Person;
  let developer: Person;
  let taskId: string;
  beforeAll(async () => {
    const { url } = target();
    [client, developer] = await Promise.all([register(url, "CLIENT"), register(url, "DEVELOPER")]);
    taskId = (await call(url, "POST /api/v1/tasks", { token: client.token, body: TASK })).body.task_id;
  });
  afterEach(() => {
    for (const service of Object.values(target().scripted)) service.reset();
  });

  /** Makes a call with a request id of its own, and compares every member of the problem that it must end with. */
  async function expectProblem(request: string, expected: Expected, options: CallOptions = {}): Promise<Answer> {
    const requestId = `row-${crypto.randomUUID()}`;
    const headers = { "x-request-id": requestId, ...options.headers };
    const answer = await call(target().url, request, { ...options, headers });
    const { status, code, title, detail = expect.stringMatching(/^[A-Z].*\S$/) } = expected;
    const instance = request.split(" ")[1]!.split("?")[0]!;
    const { errors, ...members } = answer.body;
    expect(members).toEqual({
      type: "about:blank",
      title,
      status,
      detail,
      instance,
      code,
      message: members.detail,
      request_id: requestId,
    });
    // Bad input is told field by field, and nothing else is.
    expect(Array.isArray(errors)).toBe(code === "VALIDATION_ERROR");
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.headers.get("x-request-id")).toBe(requestId);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.get("retry-after")).toEqual(
      expected.retryAfter ? expect.stringMatching(/^[1-9]\d{0,3}$/) : null,
    );
    expectNoLeak(answer);
    return answer;
  }

  describe("a refusal of the gateway's own", () => {
    test("is 400 VALIDATION_ERROR for bad input, with each field", async () => {
      const body = { ...TASK, title: " ", budget_lower_bound: -1 };
      const answer = await expectProblem(
        "POST /api/v1/tasks",
        { ...BAD_REQUEST, code: "VALIDATION_ERROR" },
        { token: client.token, body },
      );
      const fields = answer.body.errors.map(({ field }: { field: string }) => field);
      expect(fields.toSorted()).toEqual(["budget_lower_bound", "title"]);
    });

    test("is 400 VALIDATION_ERROR for what is no JSON", async () => {
      const options = { token: client.token, body: `{"title": "${"x".repeat(10)}` };
      await expectProblem("POST /api/v1/tasks", { ...BAD_REQUEST, code: "VALIDATION_ERROR" }, options);
    });

    test.each([
      ["without a token", {}, /^Bearer realm="devmatch"$/],
      ["with a bad one", { token: "e30.e30.e30" }, /error="invalid_token"/],
      ["with another scheme", { headers: { authorization: "Basic dTpw" } }, /error="invalid_token"/],
    ])("is 401 %s", async (_what, options, challenge) => {
      const answer = await expectProblem("GET /api/v1/auth/me", UNAUTHORIZED, options);
      expect(answer.headers.get("www-authenticate")).toMatch(challenge);
    });

    test("is 403 for a role that may not", async () => {
      await expectProblem("POST /api/v1/tasks", FORBIDDEN, { token: developer.token, body: TASK });
    });

    test("is 404 for no such route, and does not ask who wants to know", async () => {
      await expectProblem("GET /api/v1/no/such/route", NOT_FOUND);
      await expectProblem("DELETE /", NOT_FOUND, { token: "e30.e30.e30" });
    });

    test.each([
      ["DELETE /api/v1/auth/me", ["GET", "HEAD"]],
      ["PATCH /api/v1/tasks", ["GET", "HEAD", "POST"]],
      ["PATCH /api/v1/tasks/tsk_1", ["DELETE", "GET", "HEAD", "PUT"]],
      ["POST /health", ["GET", "HEAD"]],
    ])("is 405 for %s, and says what it takes", async (request, methods) => {
      const title = "Method Not Allowed";
      const answer = await expectProblem(request, { status: 405, title, code: "METHOD_NOT_ALLOWED" });
      const allowed = answer.headers.get("allow")?.split(", ") ?? [];
      expect(allowed).toEqual(expect.arrayContaining(methods.filter((method) => method !== "HEAD")));
      expect(allowed).not.toContain(request.split(" ")[0]);
    });

    test("is 413 for a body over the limit", async () => {
      const expected = { status: 413, title: "Content Too Large", code: "PAYLOAD_TOO_LARGE" };
      const body = { ...TASK, description: "x".repeat(1_048_576) };
      await expectProblem("POST /api/v1/tasks", expected, { token: client.token, body });
    });

    test.each(["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])(
      "is 415 for %s",
      async (type) => {
        const expected = { status: 415, title: "Unsupported Media Type", code: "UNSUPPORTED_MEDIA_TYPE" };
        const options = { token: client.token, body: JSON.stringify(TASK), headers: { "content-type": type } };
        await expectProblem("POST /api/v1/tasks", expected, options);
      },
    );
  });

  describe("a service's answer of", () => {
    const rows = CODES.map(([code, becomes, words, why]) => [Code[code], becomes, words, why, code] as const);

    test.each(rows)("%s becomes %o in %s: %s", async (_name, becomes, words, _why, code) => {
      const { scripted } = target();
      scripted.tasks.answer({
        getTask: () => {
          throw new ConnectError(KIND_TEXT, code);
        },
      });
      const detail = words === "its words" ? { detail: KIND_TEXT } : {};
      const answer = await expectProblem(getTask(), { ...becomes, ...detail }, { token: client.token });
      if (words === "our words") expect(JSON.stringify(answer.body)).not.toContain(KIND_TEXT);
      expect(answer.headers.has("www-authenticate")).toBe(false);
    });

    test.each(rows)("%s leaks nothing that was written for a log", async (_name, becomes, _words, _why, code) => {
      const metadata = { "x-backend": LEAK, "set-cookie": LEAK, "retry-after": "7777", "grpc-status-details-bin": "" };
      const { scripted } = target();
      scripted.tasks.answer({
        getTask: () => {
          throw new ConnectError(HOSTILE_TEXT, code, metadata);
        },
      });
      // expectProblem looks for leaks.
      const answer = await expectProblem(getTask(), becomes, { token: client.token });
      expect(answer.headers.has("set-cookie")).toBe(false);
      expect(answer.headers.get("retry-after")).not.toBe("7777");
    });
  });

  describe("UNAUTHENTICATED speaks of the user's credentials", () => {
    const refuse = () => {
      throw new ConnectError("who are you", Code.Unauthenticated);
    };

    test("from AuthenticateUser: 401", async () => {
      target().scripted.users.answer({ authenticateUser: refuse });
      const body = { email: client.email, password: client.password };
      const answer = await expectProblem("POST /api/v1/auth/login", UNAUTHORIZED, { body });
      expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer /);
    });

    const elsewhere: readonly [rpc: string, request: () => [string, unknown?], who: () => Person | undefined][] = [
      ["createUser", () => ["POST /api/v1/auth/register", newAccount()], () => undefined],
      ["getUser", () => ["GET /api/v1/auth/me"], () => client],
      ["getUser", () => ["GET /api/v1/users/me"], () => client],
      ["getUser", () => ["POST /api/v1/auth/refresh", { refresh_token: client.refreshToken }], () => undefined],
      ["getDeveloperProfile", () => ["GET /api/v1/users/developers/usr_1"], () => client],
      ["getDeveloperProfile", () => ["GET /api/v1/users/me"], () => client],
      ["listOnlineDevelopers", () => ["GET /api/v1/users/developers"], () => client],
      ["createDeveloperProfile", () => ["POST /api/v1/users/developers", newProfile()], () => developer],
      ["updatePresence", () => [`PUT ${pathOf(developer)}/presence`, { presence: "IDLE" }], () => developer],
      ["updateDeveloperProfile", () => [`PUT ${pathOf(developer)}`, WHOLE_PROFILE], () => developer],
      ["startMatching", () => [`POST /api/v1/matching/tasks/${taskId}/start`], () => client],
      ["listProposals", () => [`GET ${PROPOSALS}`], () => developer],
      ["respondToProposal", () => [`POST ${PROPOSALS}/prp_1/accept`], () => developer],
      ["watchProposals", () => [`GET ${PROPOSALS}/events`], () => developer],
    ];
    test.each(elsewhere)("from %s it does not: 502", async (rpc, request, who) => {
      const { users, orchestrator } = target().scripted;
      users.answer({ [rpc]: refuse });
      orchestrator.answer({ [rpc]: refuse });
      const [line, body] = request();
      const answer = await expectProblem(line, GARBAGE, { token: who()?.token, ...(body ? { body } : {}) });
      expect(answer.headers.has("www-authenticate")).toBe(false);
    });

    test("so a refresh that met it can be tried again with the same token", async () => {
      const { url, scripted } = target();
      const person = await register(url, "CLIENT");
      const body = { refresh_token: person.refreshToken };
      scripted.users.answer({ getUser: refuse });
      expect((await call(url, "POST /api/v1/auth/refresh", { body })).status).toBe(502);
      scripted.users.reset();
      expect((await call(url, "POST /api/v1/auth/refresh", { body })).status).toBe(200);
    });
  });

  describe("a service that answers with", () => {
    test.each(GARBAGE_ROWS)("%s", async (_what, becomes, raw) => {
      const { url, scripted } = target();
      scripted.tasks.answerRaw(raw);
      await expectProblem(getTask(), becomes, { token: client.token });
      scripted.tasks.reset();
      const next = await call(url, getTask(), { token: client.token });
      expect(next.status, "the next good answer is an answer again").toBe(200);
    });
  });

  describe("a service that says OK and answers with", () => {
    const login = () => ["POST /api/v1/auth/login", { email: client.email, password: client.password }] as const;
    const user = { userId: "usr_1", email: "a@b.example", displayName: "A", userType: UserType.CLIENT };
    const rows: readonly [
      what: string,
      service: "users" | "tasks" | "orchestrator",
      rpc: string,
      message: object,
      request: () => readonly [string, unknown?],
      who: () => Person | undefined,
    ][] = [
      ["no task", "tasks", "getTask", {}, () => [getTask()], () => client],
      ["no new task", "tasks", "createTask", {}, () => ["POST /api/v1/tasks", TASK], () => client],
      ["no user", "users", "getUser", {}, () => ["GET /api/v1/auth/me"], () => client],
      ["no user beside a profile", "users", "getUser", {}, () => ["GET /api/v1/users/me"], () => client],
      ["no user who signs in", "users", "authenticateUser", {}, login, () => undefined],
      ["no new user", "users", "createUser", {}, () => ["POST /api/v1/auth/register", newAccount()], () => undefined],
      ["no profile", "users", "getDeveloperProfile", {}, () => ["GET /api/v1/users/developers/usr_1"], () => client],
      [
        "no profile to merge with",
        "users",
        "getDeveloperProfile",
        {},
        () => [`PUT ${pathOf(developer)}`, { bio: "x" }],
        () => developer,
      ],
      [
        "no new profile",
        "users",
        "createDeveloperProfile",
        {},
        () => ["POST /api/v1/users/developers", newProfile()],
        () => developer,
      ],
      [
        "a user without a type: no token could say what they may do",
        "users",
        "authenticateUser",
        { user: { ...user, userType: 0 } },
        login,
        () => undefined,
      ],
      [
        "a user of a type from the future",
        "users",
        "authenticateUser",
        { user: { ...user, userType: 77 } },
        login,
        () => undefined,
      ],
      [
        "a user without an id: nobody's token",
        "users",
        "authenticateUser",
        { user: { ...user, userId: "" } },
        login,
        () => undefined,
      ],
      [
        "a user with an id that no token can carry",
        "users",
        "authenticateUser",
        { user: { ...user, userId: "a b\n" } },
        login,
        () => undefined,
      ],
      [
        "another's account: a session is one user's",
        "users",
        "getUser",
        { user: { ...user, userType: UserType.ADMIN } },
        () => ["POST /api/v1/auth/refresh", { refresh_token: client.refreshToken }],
        () => undefined,
      ],
      [
        "no answered proposal",
        "orchestrator",
        "respondToProposal",
        {},
        () => [`POST ${PROPOSALS}/prp_1/reject`],
        () => developer,
      ],
      [
        "a time that JSON cannot say",
        "users",
        "getUser",
        { user: { ...user, createdAt: { seconds: 1n << 50n } } },
        () => ["GET /api/v1/auth/me"],
        () => client,
      ],
    ];
    test.each(rows)("%s: 502", async (_what, service, rpc, message, request, who) => {
      target().scripted[service].answer({ [rpc]: () => message });
      const [line, body] = request();
      await expectProblem(line, GARBAGE, { token: who()?.token, ...(body ? { body } : {}) });
    });
  });

  test("an event about nothing is passed over: who comes again would meet it again", async () => {
    const { userId, token } = developer;
    target().scripted.orchestrator.answer({
      async *watchProposals() {
        yield { eventId: "1" };
        yield { eventId: "2", proposal: { proposalId: "prp_1", userId } };
      },
    });
    const events = await openEvents(target().url, `${PROPOSALS}/events`, { token });
    expect((await events.rest()).map(({ id }) => id)).toEqual(["2"]);
  });

  test("what an Orchestrator does not offer is 501, call by call", async () => {
    target().scripted.orchestrator.lack("startMatching", "listProposals", "respondToProposal", "watchProposals");
    await expectProblem(`POST /api/v1/matching/tasks/${taskId}/start`, NOT_IMPLEMENTED, { token: client.token });
    for (const request of [
      `GET ${PROPOSALS}`,
      `POST ${PROPOSALS}/prp_1/accept`,
      `POST ${PROPOSALS}/prp_1/reject`,
      `GET ${PROPOSALS}/events`,
    ]) {
      await expectProblem(request, NOT_IMPLEMENTED, { token: developer.token });
    }
  });

  describe("a User Service that lacks what this project added", () => {
    test("CreateUser: nobody can register, 501", async () => {
      target().scripted.users.lack("createUser");
      await expectProblem("POST /api/v1/auth/register", NOT_IMPLEMENTED, { body: newAccount() });
    });

    test("AuthenticateUser: nobody can sign in, 501, and a valid token still works", async () => {
      const { url, scripted } = target();
      scripted.users.lack("authenticateUser", "createUser");
      const body = { email: client.email, password: client.password };
      await expectProblem("POST /api/v1/auth/login", NOT_IMPLEMENTED, { body });
      expect((await call(url, "GET /api/v1/tasks", { token: client.token })).status).toBe(200);
      expect((await call(url, "GET /api/v1/auth/me", { token: client.token })).status).toBe(200);
    });

    describe("GetDeveloperProfile", () => {
      let somebody: Person;
      beforeAll(async () => {
        const { url } = target();
        somebody = await register(url, "DEVELOPER");
        const made = await call(url, "POST /api/v1/users/developers", { token: somebody.token, body: newProfile() });
        expect(made.status).toBe(201);
      });

      test("a change of all four fields works", async () => {
        const { url, scripted } = target();
        scripted.users.lack("getDeveloperProfile");
        const answer = await call(url, `PUT ${pathOf(somebody)}`, { token: somebody.token, body: WHOLE_PROFILE });
        expect(answer).toMatchObject({ status: 200, body: { message: expect.any(String) } });
        scripted.users.reset();
        const { body } = await call(url, `GET ${pathOf(somebody)}`, { token: somebody.token });
        expect(body).toMatchObject(WHOLE_PROFILE);
      });

      const fields = Object.keys(WHOLE_PROFILE) as (keyof typeof WHOLE_PROFILE)[];
      test.each(fields)("one without %s is 501 with the reason, and changes nothing", async (missing) => {
        const { url, scripted } = target();
        const before = (await call(url, `GET ${pathOf(somebody)}`, { token: somebody.token })).body;
        scripted.users.lack("getDeveloperProfile");
        const { [missing]: _, ...body } = { ...WHOLE_PROFILE, bio: "Partial", hourly_rate: 99 };
        const answer = await expectProblem(`PUT ${pathOf(somebody)}`, NOT_IMPLEMENTED, { token: somebody.token, body });
        for (const field of fields) expect(answer.body.detail).toContain(field);
        scripted.users.reset();
        expect((await call(url, `GET ${pathOf(somebody)}`, { token: somebody.token })).body).toEqual(before);
      });

      test("a profile cannot be read, 501; the own account can, without it", async () => {
        const { url, scripted } = target();
        scripted.users.lack("getDeveloperProfile");
        await expectProblem(`GET ${pathOf(somebody)}`, NOT_IMPLEMENTED, { token: somebody.token });
        const { status, body } = await call(url, "GET /api/v1/users/me", { token: somebody.token });
        expect(status).toBe(200);
        expect(body.user_id).toBe(somebody.userId);
        expect(body).not.toHaveProperty("developer_profile");
      });
    });
  });

  describe("a client that goes away", () => {
    const ways = ["resetAndDestroy", "destroy"] as const;
    test.each(ways.filter((way) => way !== "destroy" || !cannot("notice a client that closes its connection")))(
      "(%s) is 499 in the log, and the service is told to stop",
      async (leave) => {
        const { url, scripted, log } = target();
        const requestId = `gone-${crypto.randomUUID()}`;
        const told = Promise.withResolvers<void>();
        const { hostname, port } = new URL(url);
        const leaver = connect(Number(port), hostname);
        onTestFinished(() => void leaver.destroy());
        scripted.tasks.answer({
          getTask: (_request, { signal }) => {
            signal.addEventListener("abort", () => told.resolve(), { once: true });
            leaver[leave]();
            return hang();
          },
        });
        const head = [`GET /api/v1/tasks/${taskId} HTTP/1.1`, "Host: gateway.test", `X-Request-Id: ${requestId}`];
        leaver.write([...head, `Authorization: Bearer ${client.token}`, "", ""].join("\r\n"));
        await told.promise;
        await expect
          .poll(() => log.find((line) => line.request_id === requestId), { timeout: 15_000 })
          .toMatchObject({
            status_code: 499,
            code: "CANCELLED",
            route: "/api/v1/tasks/{task_id}",
          });
      },
    );
  });

  function getTask(): string {
    return `GET /api/v1/tasks/${taskId}`;
  }
}

const WHOLE_PROFILE = {
  skill_tags: ["old", "service"],
  hourly_rate: 12.5,
  bio: "All of it",
  links: ["https://a.example"],
};

function newAccount() {
  const email = `error-${crypto.randomUUID()}@devmatch.example`;
  return { email, password: "Correct-horse-1", display_name: "Error", user_type: "CLIENT" };
}

function newProfile() {
  return { display_name: "Error", email: `error-${crypto.randomUUID()}@devmatch.example`, skill_tags: ["errors"] };
}

function pathOf({ userId }: Person): string {
  return `/api/v1/users/developers/${userId}`;
}

/** Looks through everything that a client can see: no text of the service, no address, no stack. */
function expectNoLeak({ headers, body }: Answer): void {
  const { instance: _, ...visible } = body;
  const seen = JSON.stringify([visible, [...headers].filter(([name]) => name !== "date")]);
  expect(seen).not.toContain(LEAK);
  expect(seen).not.toMatch(/\d+\.\d+\.\d+\.\d+|localhost|:\d{4,5}\b/);
  expect(seen).not.toMatch(/\bat \S+ ?\(|node_modules|\.[jt]s:\d/);
  expect(seen).not.toMatch(/ConnectError|connectrpc|http2|protobuf|grpc-|undici/i);
}
