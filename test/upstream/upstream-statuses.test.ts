import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type { ErrorCode } from "#src/errors.ts";
import type { Outcome } from "#src/upstream/tally.ts";
import { toUpstreamError } from "#src/upstream/upstream-errors.ts";
import { answer, GOOD_USER_ID, refuse, startMisbehavingGrpcServer } from "../support/misbehaving-grpc-server.ts";
import { recordingBreaker } from "../support/recording-breaker.ts";
import { callContext, gatewayErrorOf, openUpstream, outline, serviceCalls } from "../support/upstream.ts";

const WORDS = "What the service says, for its caller.";

interface StatusRow {
  readonly status: number;
  readonly name: string;
  readonly code: ErrorCode;
  readonly http: number;
  /** The service's own words reach the client, or this sentence does. */
  readonly text: typeof WORDS | string;
  readonly retryAfter?: number;
}

const FAILED = "The user service failed to answer.";

/** Every status that gRPC has, as contract.md section 4 answers it. */
const STATUSES: readonly StatusRow[] = [
  { status: 1, name: "CANCELLED", code: "UPSTREAM_ERROR", http: 502, text: FAILED },
  { status: 2, name: "UNKNOWN", code: "UPSTREAM_ERROR", http: 502, text: FAILED },
  { status: 3, name: "INVALID_ARGUMENT", code: "INVALID_ARGUMENT", http: 400, text: WORDS },
  {
    status: 4,
    name: "DEADLINE_EXCEEDED",
    code: "DEADLINE_EXCEEDED",
    http: 504,
    text: "The user service did not answer in time.",
  },
  { status: 5, name: "NOT_FOUND", code: "NOT_FOUND", http: 404, text: WORDS },
  { status: 6, name: "ALREADY_EXISTS", code: "ALREADY_EXISTS", http: 409, text: WORDS },
  { status: 7, name: "PERMISSION_DENIED", code: "ACCESS_DENIED", http: 403, text: WORDS },
  {
    status: 8,
    name: "RESOURCE_EXHAUSTED",
    code: "RATE_LIMIT_EXCEEDED",
    http: 429,
    text: "The user service is at its limit.",
    retryAfter: 2,
  },
  { status: 9, name: "FAILED_PRECONDITION", code: "FAILED_PRECONDITION", http: 400, text: WORDS },
  { status: 10, name: "ABORTED", code: "ABORTED", http: 409, text: WORDS },
  { status: 11, name: "OUT_OF_RANGE", code: "OUT_OF_RANGE", http: 400, text: WORDS },
  {
    status: 12,
    name: "UNIMPLEMENTED",
    code: "UNIMPLEMENTED",
    http: 501,
    text: "The user service does not offer this.",
  },
  { status: 13, name: "INTERNAL", code: "UPSTREAM_ERROR", http: 502, text: FAILED },
  {
    status: 14,
    name: "UNAVAILABLE",
    code: "SERVICE_UNAVAILABLE",
    http: 503,
    text: "The user service is not available.",
    retryAfter: 2,
  },
  { status: 15, name: "DATA_LOSS", code: "UPSTREAM_ERROR", http: 502, text: FAILED },
  { status: 16, name: "UNAUTHENTICATED", code: "UPSTREAM_ERROR", http: 502, text: FAILED },
];

describe("a status that a service sends has the contract's answer", () => {
  const sent = (status: number) =>
    [
      ["in the headers", refuse(status, WORDS)],
      [
        "in the trailers",
        answer({ body: Buffer.alloc(0), trailers: { "grpc-status": String(status), "grpc-message": WORDS } }),
      ],
      [
        "in the trailers, after a message",
        answer({ trailers: { "grpc-status": String(status), "grpc-message": WORDS } }),
      ],
    ] as const;
  const rows = STATUSES.flatMap((row) => sent(row.status).map(([where, behave]) => ({ ...row, where, behave })));

  /** What a circuit breaker makes of a status: of all others, that the service works. */
  const OUTCOMES: Readonly<Record<number, Outcome>> = {
    1: "suspect",
    2: "suspect",
    4: "failure",
    13: "suspect",
    14: "failure",
    15: "suspect",
    16: "suspect",
  };

  test.each(rows)("$name $where: $http $code", async ({ status, name, code, http, text, retryAfter, behave }) => {
    const server = await startMisbehavingGrpcServer();
    const breaker = recordingBreaker();
    const { platform, metrics } = openUpstream(server.url, { createBreaker: breaker.create });
    server.misbehaveOnce(behave);
    // A write, so that what is looked at is one attempt.
    const error = await gatewayErrorOf(platform.users.createUser({ email: "ada@example.org" }, callContext()));
    expect(outline(error)).toEqual(retryAfter === undefined ? [code, http] : [code, http, retryAfter]);
    expect(error.message).toBe(text);
    expect(serviceCalls(metrics)).toEqual({ [`user-service CreateUser ${name}`]: 1 });
    expect((await platform.users.getUser({ userId: "usr_a" }, callContext())).user?.userId).toBe(GOOD_USER_ID);
    expect(breaker.outcomes).toEqual([OUTCOMES[status] ?? "success", "success"]);
  });

  test("UNAUTHENTICATED from AuthenticateUser is about the credentials, and says nothing of which", async () => {
    const server = await startMisbehavingGrpcServer();
    const { platform, metrics } = openUpstream(server.url);
    const credentials = { email: "ada@example.org", password: "wrong" };
    server.misbehaveOnce(refuse(16, "no user ada@example.org"));
    const error = await gatewayErrorOf(platform.users.authenticateUser(credentials, callContext()));
    expect(outline(error)).toEqual(["AUTHENTICATION_FAILED", 401]);
    expect(error.message).toBe("The e-mail address or the password is wrong.");
    expect(error.headers).toEqual({ "WWW-Authenticate": 'Bearer realm="devmatch", error="invalid_grant"' });
    expect(serviceCalls(metrics)).toEqual({ "user-service AuthenticateUser UNAUTHENTICATED": 1 });
  });

  test("HTTP 401 from a proxy before AuthenticateUser is not about the user's credentials", async () => {
    const server = await startMisbehavingGrpcServer();
    const { platform } = openUpstream(server.url);
    server.misbehaveOnce(answer({ headers: { ":status": 401 }, trailers: null }));
    const error = await gatewayErrorOf(platform.users.authenticateUser({ email: "a@b.org" }, callContext()));
    expect(outline(error)).toEqual(["UPSTREAM_ERROR", 502]);
  });

  test.each(STATUSES.filter(({ status, text }) => text === WORDS || status === 16))(
    "AuthenticateUser: $name is what it is for every other rpc, UNAUTHENTICATED apart",
    async ({ status, code }) => {
      const server = await startMisbehavingGrpcServer();
      const { platform } = openUpstream(server.url);
      server.misbehaveOnce(refuse(status, WORDS));
      const error = await gatewayErrorOf(platform.users.authenticateUser({ email: "a@b.org" }, callContext()));
      expect(error.errorCode).toBe(status === 16 ? "AUTHENTICATION_FAILED" : code);
    },
  );
});

/** A text of a NOT_FOUND, what the client reads of it, and why. */
const GENERIC = "There is no such thing.";
const TEXTS: readonly (readonly [text: string, read: string, why: string])[] = [
  ["user usr_x does not exist", "user usr_x does not exist", "plain words pass"],
  ["„Größe“ 日本語 😀", "„Größe“ 日本語 😀", "in any script"],
  ["budget 10.5 of 3.14.15 at 12:30", "budget 10.5 of 3.14.15 at 12:30", "numbers and times are no addresses"],
  ["must look like usr_x, at least (once)", "must look like usr_x, at least (once)", "nor is every at a stack"],
  ["skill C++/C#/Node.js is unknown", "skill C++/C#/Node.js is unknown", "nor is every slash or .js a file"],
  ["task:tsk_1 is gone", "task:tsk_1 is gone", "a colon is no port"],
  ["", GENERIC, "no words: ours"],
  ["\r\n\t ", GENERIC, "nothing but white space is none"],
  ["no\r\nuser\u0000x\u001b[31m", "no user x [31m", "one line, no control characters"],
  ["admin\u202Egpj.exe\u2066", "admin gpj.exe", "nothing that turns the text around"],
  [`${"x".repeat(299)}😀${"y".repeat(50)}`, `${"x".repeat(299)}😀…`, "300 characters, none of them cut in two"],
  ["dial tcp 10.0.0.7: refused", GENERIC, "an IPv4 address"],
  ["no route to fe80::1", GENERIC, "an IPv6 address"],
  ["2001:db8:0:0:0:0:0:1 is away", GENERIC, "also a long one"],
  ["user-db:5432 refused", GENERIC, "a host and port"],
  ["user-db.svc.cluster.local is away", GENERIC, "a name inside the cluster"],
  ["lookup db.internal failed", GENERIC, "and this kind"],
  ["localhost refused", GENERIC, "and this one"],
  ["see http://wiki/errors", GENERIC, "a URL"],
  ["postgres connect ECONNREFUSED", GENERIC, "a socket's error"],
  ["Error: x\n    at query (db.js:12)", GENERIC, "a stack of Node's"],
  ["Error: x at async query (db.js:12)", GENERIC, "with async in it"],
  ["at /srv/app/db.ts:12:7", GENERIC, "a place in a file"],
  ["java.lang.X at com.acme.Db.get(Db.java:3)", GENERIC, "a stack of Java's"],
  ['Traceback (most recent call last): File "x.py"', GENERIC, "a stack of Python's"],
  ["panic: x goroutine 1 [running]:", GENERIC, "a stack of Go's"],
  ["open /var/run/secrets/token: denied", GENERIC, "a path"],
  ["open C:\\app\\x", GENERIC, "also of the other kind"],
  ["std::bad_alloc", GENERIC, "a type of the service's language"],
  [`${"long ".repeat(100)} 10.0.0.7`, GENERIC, "also beyond the part that would be shown"],
];

describe("a service's words are made fit for a client", () => {
  test.each(TEXTS)("%j is read as %j: %s", async (text, read) => {
    const server = await startMisbehavingGrpcServer();
    const { platform } = openUpstream(server.url);
    server.misbehaveOnce(refuse(5, encodeURIComponent(text)));
    const error = await gatewayErrorOf(platform.users.getUser({ userId: "usr_a" }, callContext()));
    expect(error.message).toBe(read);
    expect(error.errorCode).toBe("NOT_FOUND");
  });

  test("a text of megabytes costs little", () => {
    const texts = ["at ", "/a", "1.", "a:", "\\", " at x (", "::", "aaaa.", "E"].map((piece) => piece.repeat(500_000));
    const call = { service: "users", settings: settings(), signal: new AbortController().signal } as const;
    for (const text of texts) {
      const error = toUpstreamError(wireError(Code.NotFound, text), call);
      expect(error.message.length).toBeLessThanOrEqual(302);
    }
  });
});

describe("an error that never was on the wire", () => {
  const call = { service: "tasks", settings: settings(), signal: new AbortController().signal } as const;

  test.each([
    ["EHOSTUNREACH", "a node that is gone"],
    ["ENETUNREACH", "a network that is gone"],
    ["EHOSTDOWN", "a node that is off"],
    ["EADDRNOTAVAIL", "no port of ours is left"],
  ])("%s is 503: %s", (code) => {
    const cause = Object.assign(new Error(`connect ${code} 10.0.0.7:50052`), { code });
    const error = toUpstreamError(new ConnectError(cause.message, Code.Internal, undefined, undefined, cause), call);
    expect(outline(error)).toEqual(["SERVICE_UNAVAILABLE", 503, 2]);
    expect(error.message).toBe("The task service is not available.");
  });

  test.each(STATUSES.filter(({ status }) => status !== 4 && status !== 14))(
    "Connect's own $name is 502: the service did not say it",
    ({ status }) => {
      expect(outline(toUpstreamError(new ConnectError(WORDS, status), call))).toEqual(["UPSTREAM_ERROR", 502]);
    },
  );

  test.each([
    ["an error of ours", new TypeError("x is not a function at 10.0.0.7")],
    ["a text", "10.0.0.7"],
    ["nothing", undefined],
    ["an AbortError that is not our client's", new DOMException("aborted", "AbortError")],
    ["an error that is its own cause", selfCaused()],
  ])("%s is 502 with our words", (_what, thrown) => {
    const error = toUpstreamError(thrown, call);
    expect(outline(error)).toEqual(["UPSTREAM_ERROR", 502]);
    expect(error.message).toBe("The task service failed to answer.");
  });
});

function settings() {
  return { timeoutMs: 5_000, checksCredentials: false };
}

function wireError(code: Code, message: string): ConnectError {
  const error = new ConnectError(message, code);
  error.isWireError = true;
  return error;
}

function selfCaused(): Error {
  const error = new Error("round and round");
  error.cause = error;
  return error;
}
