import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { AuthService } from "#gen/gateway/v1/auth_pb.ts";
import { MatchingService } from "#gen/gateway/v1/matching_pb.ts";
import { TasksService } from "#gen/gateway/v1/tasks_pb.ts";
import { UsersService } from "#gen/gateway/v1/users_pb.ts";
import type { ErrorCode } from "#src/errors.ts";
import { type Person, register } from "../support/gateway-under-test.ts";
import { createWorld, type World } from "../support/rest-routes.ts";
import { RPC_CALLS } from "../support/rpc-calls.ts";
import {
  envelope,
  expectError,
  PUBLIC_RPCS,
  type PublicRpc,
  pathOf,
  type RawRpc,
  reasonOf,
  sendRaw,
  shortName,
  violationsOf,
} from "../support/rpc-clients.ts";
import type { Target } from "./suite-target.ts";

const JSON_TYPE = "application/json";
const PROTO = "application/proto";
const GRPC_WEB = "application/grpc-web+proto";
const GRPC_WEB_JSON = "application/grpc-web+json";
const MAX_BYTES = 1_048_576;
const HUGE = new Uint8Array(MAX_BYTES + 1);

const { getTask, createTask, listTasks } = TasksService.method;
const { updatePresence, createDeveloper } = UsersService.method;
const { login } = AuthService.method;
const { watchProposals } = MatchingService.method;
const utf8 = (text: string) => new TextEncoder().encode(text);

interface Row {
  /** What is wrong with the request, the first of which it must be refused for. */
  readonly wrong: readonly [first: string, then: string];
  readonly path: string;
  readonly token?: (world: World) => string;
  readonly raw: RawRpc | ((world: World) => RawRpc);
  readonly refusal: ErrorCode;
  /** Where the answer is not what the code says: no rpc is UNIMPLEMENTED. */
  readonly code?: Code;
}

const asClient = ({ client }: World) => client.token;
const asDeveloper = ({ developer }: World) => developer.token;
const garbage = () => "gar.ba.ge";

/** Two things wrong at a time, as for REST. What the message alone can tell comes after the message has been read. */
const ORDER: readonly Row[] = [
  {
    wrong: ["no such rpc", "no token"],
    path: "/gateway.v1.TasksService/Nothing",
    raw: { contentType: JSON_TYPE, body: "{}" },
    refusal: "NOT_FOUND",
    code: Code.Unimplemented,
  },
  {
    wrong: ["no such service", "a bad token, in gRPC-Web"],
    path: "/platform.tasks.v1.TaskService/GetTask",
    token: garbage,
    raw: { contentType: GRPC_WEB, body: envelope(utf8("")) },
    refusal: "NOT_FOUND",
    code: Code.Unimplemented,
  },
  {
    wrong: ["the method", "no token"],
    path: pathOf(createTask),
    raw: { method: "GET" },
    refusal: "METHOD_NOT_ALLOWED",
  },
  {
    wrong: ["the method", "a body that is too large"],
    path: pathOf(listTasks),
    raw: { method: "PUT", contentType: JSON_TYPE, body: HUGE },
    refusal: "METHOD_NOT_ALLOWED",
  },
  {
    wrong: ["no token", "a body that is too large"],
    path: pathOf(createTask),
    raw: { contentType: PROTO, body: HUGE },
    refusal: "AUTHENTICATION_FAILED",
  },
  {
    wrong: ["no token", "a body of another type"],
    path: pathOf(createTask),
    raw: { contentType: "text/plain", body: "x" },
    refusal: "AUTHENTICATION_FAILED",
  },
  {
    wrong: ["a bad token", "a body that cannot be read"],
    path: pathOf(createTask),
    token: garbage,
    raw: { contentType: JSON_TYPE, body: "{" },
    refusal: "AUTHENTICATION_FAILED",
  },
  {
    wrong: ["no token", "an envelope that cannot be read"],
    path: pathOf(createTask),
    raw: { contentType: GRPC_WEB, body: utf8("{") },
    refusal: "AUTHENTICATION_FAILED",
  },
  {
    wrong: ["no token", "somebody else's"],
    path: pathOf(updatePresence),
    raw: { contentType: JSON_TYPE, body: '{"userId":"usr_x"}' },
    refusal: "AUTHENTICATION_FAILED",
  },
  {
    wrong: ["the role", "a body that is too large"],
    path: pathOf(createDeveloper),
    token: asClient,
    raw: { contentType: PROTO, body: HUGE },
    refusal: "ACCESS_DENIED",
  },
  {
    wrong: ["the role", "a body of another type"],
    path: pathOf(createDeveloper),
    token: asClient,
    raw: { contentType: "application/grpc", body: envelope(utf8("")) },
    refusal: "ACCESS_DENIED",
  },
  {
    wrong: ["the role", "an envelope that cannot be read"],
    path: pathOf(createTask),
    token: asDeveloper,
    raw: { contentType: GRPC_WEB, body: utf8("{") },
    refusal: "ACCESS_DENIED",
  },
  {
    wrong: ["a body that is too large", "of another type"],
    path: pathOf(createTask),
    token: asClient,
    raw: { contentType: "text/plain", body: HUGE },
    refusal: "PAYLOAD_TOO_LARGE",
  },
  {
    wrong: ["a body of another type", "bad input"],
    path: pathOf(createTask),
    token: asClient,
    raw: { contentType: "text/plain", body: "{" },
    refusal: "UNSUPPORTED_MEDIA_TYPE",
  },
  {
    wrong: ["a body that cannot be read", "somebody else's"],
    path: pathOf(updatePresence),
    token: asClient,
    raw: { contentType: JSON_TYPE, body: '{"userId":"usr_x"' },
    refusal: "VALIDATION_ERROR",
  },
  {
    wrong: ["somebody else's", "bad input"],
    path: pathOf(updatePresence),
    token: asClient,
    raw: { contentType: JSON_TYPE, body: '{"userId":"-bad-"}' },
    refusal: "ACCESS_DENIED",
  },
  {
    wrong: ["bad input", "no such task"],
    path: pathOf(TasksService.method.updateTask),
    token: asClient,
    raw: { contentType: JSON_TYPE, body: '{"taskId":"tsk_nobody","changes":{"title":""}}' },
    refusal: "VALIDATION_ERROR",
  },
  {
    wrong: ["bad input", "wrong credentials"],
    path: pathOf(login),
    raw: { contentType: JSON_TYPE, body: '{"email":"nobody@devmatch.example","password":"x","x":1}' },
    refusal: "VALIDATION_ERROR",
  },
];

const good = toBinary(getTask.input, create(getTask.input, { taskId: "tsk_none" }));
const bytes = (...values: number[]) => new Uint8Array(values);

/** What no client of a library sends: always the client's mistake, and told as such. */
const HOSTILE: readonly (readonly [what: string, rpc: PublicRpc, raw: RawRpc, refusal: ErrorCode])[] = [
  [
    "gRPC, which needs trailers",
    getTask,
    { contentType: "application/grpc", body: envelope(good) },
    "UNSUPPORTED_MEDIA_TYPE",
  ],
  ["gRPC+proto", getTask, { contentType: "application/grpc+proto", body: envelope(good) }, "UNSUPPORTED_MEDIA_TYPE"],
  [
    "gRPC-Web in base64",
    getTask,
    { contentType: "application/grpc-web-text", body: "AAAAAAA=" },
    "UNSUPPORTED_MEDIA_TYPE",
  ],
  [
    "gRPC-Web with another codec",
    getTask,
    { contentType: "application/grpc-web+thrift", body: envelope(good) },
    "UNSUPPORTED_MEDIA_TYPE",
  ],
  [
    "a stream of Connect to an rpc with one answer",
    getTask,
    { contentType: "application/connect+proto", body: envelope(good) },
    "UNSUPPORTED_MEDIA_TYPE",
  ],
  [
    "one message of Connect to an rpc with a stream",
    watchProposals,
    { contentType: JSON_TYPE, body: "{}" },
    "UNSUPPORTED_MEDIA_TYPE",
  ],
  [
    "a stream of Connect with another codec",
    watchProposals,
    { contentType: "application/connect+xml", body: envelope(bytes()) },
    "UNSUPPORTED_MEDIA_TYPE",
  ],
  [
    "a stream of Connect without a message",
    watchProposals,
    { contentType: "application/connect+proto", body: bytes() },
    "VALIDATION_ERROR",
  ],
  [
    "a stream of Connect with two messages",
    watchProposals,
    {
      contentType: "application/connect+json",
      body: new Uint8Array([...envelope(utf8("{}")), ...envelope(utf8("{}"))]),
    },
    "VALIDATION_ERROR",
  ],
  [
    "a stream of Connect with a cut message",
    watchProposals,
    { contentType: "application/connect+json", body: envelope(utf8("{}"), { length: 64 }) },
    "VALIDATION_ERROR",
  ],
  ["Connect with another codec", getTask, { contentType: "application/xml", body: good }, "UNSUPPORTED_MEDIA_TYPE"],
  [
    "a form, which any page may send",
    getTask,
    { contentType: "application/x-www-form-urlencoded", body: "a=b" },
    "UNSUPPORTED_MEDIA_TYPE",
  ],
  ["no content type", getTask, { body: good }, "UNSUPPORTED_MEDIA_TYPE"],
  [
    "a content type of 10 000 characters",
    getTask,
    { contentType: `application/json;${" ".repeat(10_000)}x`, body: "{}" },
    "UNSUPPORTED_MEDIA_TYPE",
  ],
  [
    "a body in gzip",
    getTask,
    { contentType: PROTO, headers: { "content-encoding": "gzip" }, body: good },
    "UNSUPPORTED_MEDIA_TYPE",
  ],
  [
    "an encoding that is made up",
    getTask,
    { contentType: PROTO, headers: { "content-encoding": "x" }, body: good },
    "UNSUPPORTED_MEDIA_TYPE",
  ],
  [
    "gRPC-Web in gzip",
    getTask,
    { contentType: GRPC_WEB, headers: { "grpc-encoding": "gzip" }, body: envelope(good, { flags: 1 }) },
    "UNSUPPORTED_MEDIA_TYPE",
  ],
  [
    "a compressed envelope without an encoding",
    getTask,
    { contentType: GRPC_WEB, body: envelope(good, { flags: 1 }) },
    "VALIDATION_ERROR",
  ],
  [
    "a trailer in a request",
    getTask,
    { contentType: GRPC_WEB, body: envelope(utf8("a: b\r\n"), { flags: 128 }) },
    "VALIDATION_ERROR",
  ],
  [
    "flags that nobody knows",
    getTask,
    { contentType: GRPC_WEB, body: envelope(utf8("x"), { flags: 0x7e }) },
    "VALIDATION_ERROR",
  ],
  ["no envelope", getTask, { contentType: GRPC_WEB, body: bytes() }, "VALIDATION_ERROR"],
  ["half of an envelope's head", getTask, { contentType: GRPC_WEB, body: bytes(0, 0) }, "VALIDATION_ERROR"],
  [
    "an envelope that is cut",
    getTask,
    { contentType: GRPC_WEB, body: envelope(good, { length: 64 }) },
    "VALIDATION_ERROR",
  ],
  [
    "an envelope that says 4 GiB",
    getTask,
    { contentType: GRPC_WEB, body: envelope(good, { length: 0xffff_ffff }) },
    "VALIDATION_ERROR",
  ],
  [
    "a byte after the envelope",
    getTask,
    { contentType: GRPC_WEB, body: new Uint8Array([...envelope(good), 0]) },
    "VALIDATION_ERROR",
  ],
  [
    "two messages",
    getTask,
    { contentType: GRPC_WEB, body: new Uint8Array([...envelope(good), ...envelope(good)]) },
    "VALIDATION_ERROR",
  ],
  ["200 000 empty messages", getTask, { contentType: GRPC_WEB, body: new Uint8Array(1_000_000) }, "VALIDATION_ERROR"],
  [
    "a message that is too large",
    getTask,
    { contentType: GRPC_WEB, body: envelope(new Uint8Array(MAX_BYTES)) },
    "PAYLOAD_TOO_LARGE",
  ],
  ["bytes that are no protobuf", getTask, { contentType: PROTO, body: bytes(255, 255, 255, 255) }, "VALIDATION_ERROR"],
  ["a field that is cut", getTask, { contentType: PROTO, body: good.subarray(0, 4) }, "VALIDATION_ERROR"],
  [
    "a field that says it is 2 GiB long",
    getTask,
    { contentType: PROTO, body: bytes(10, 255, 255, 255, 255, 7) },
    "VALIDATION_ERROR",
  ],
  ["a string that is no UTF-8", getTask, { contentType: PROTO, body: bytes(10, 2, 0xc3, 0x28) }, "VALIDATION_ERROR"],
  ["an enum value that nobody knows", listTasks, { contentType: PROTO, body: bytes(16, 99) }, "VALIDATION_ERROR"],
  ["NaN", createDeveloper, { contentType: JSON_TYPE, body: '{"hourlyRate":"NaN"}' }, "VALIDATION_ERROR"],
  ["half of a JSON text", getTask, { contentType: JSON_TYPE, body: '{"taskId":"x"' }, "VALIDATION_ERROR"],
  ["nothing where there must be JSON", getTask, { contentType: JSON_TYPE, body: "" }, "VALIDATION_ERROR"],
  ["JSON that is no object", getTask, { contentType: JSON_TYPE, body: "[]" }, "VALIDATION_ERROR"],
  ["a field twice", getTask, { contentType: JSON_TYPE, body: '{"taskId":"a","taskId":"b"}' }, "VALIDATION_ERROR"],
  [
    "a field by both of its names",
    getTask,
    { contentType: JSON_TYPE, body: '{"taskId":"a","task_id":"b"}' },
    "VALIDATION_ERROR",
  ],
  [
    "JSON half a million levels deep",
    getTask,
    { contentType: JSON_TYPE, body: `{"taskId":${"[".repeat(500_000)}` },
    "VALIDATION_ERROR",
  ],
  ["half a surrogate pair", getTask, { contentType: JSON_TYPE, body: '{"taskId":"\\ud800"}' }, "VALIDATION_ERROR"],
  [
    "half a surrogate pair in a text without rules",
    createTask,
    {
      contentType: JSON_TYPE,
      body: '{"title":"a","description":"\\ud800","skillTags":["a"],"budgetLowerBound":1,"budgetUpperBound":2}',
    },
    "VALIDATION_ERROR",
  ],
  [
    "a member that would be a prototype",
    getTask,
    { contentType: JSON_TYPE, body: '{"__proto__":{"taskId":"a"}}' },
    "VALIDATION_ERROR",
  ],
  [
    "a timeout that is none",
    getTask,
    { contentType: PROTO, headers: { "connect-timeout-ms": "soon" }, body: good },
    "VALIDATION_ERROR",
  ],
  [
    "a timeout below nothing",
    getTask,
    { contentType: PROTO, headers: { "connect-timeout-ms": "-1" }, body: good },
    "VALIDATION_ERROR",
  ],
  [
    "a timeout of gRPC without its unit",
    getTask,
    { contentType: GRPC_WEB, headers: { "grpc-timeout": "1" }, body: envelope(good) },
    "VALIDATION_ERROR",
  ],
];

const base = pathOf(getTask);
/** Connect by GET, which is all query. */
const QUERIES: readonly (readonly [what: string, query: string, refusal: ErrorCode])[] = [
  ["no codec", "message=%7B%7D", "UNSUPPORTED_MEDIA_TYPE"],
  ["another codec", "encoding=xml&message=x", "UNSUPPORTED_MEDIA_TYPE"],
  ["no message in JSON", "encoding=json", "VALIDATION_ERROR"],
  ["no base64", "encoding=proto&base64=1&message=!!!!", "VALIDATION_ERROR"],
  ["base64 of something else", "encoding=proto&base64=1&message=_____w", "VALIDATION_ERROR"],
  ["a percent sign alone", "encoding=json&message=%7B%", "VALIDATION_ERROR"],
  ["compression", "encoding=json&compression=gzip&message=%7B%7D", "UNSUPPORTED_MEDIA_TYPE"],
];

/** The same requests every time, unless somebody looks for others: FUZZ_SEED=… */
const SEED = Number(process.env.FUZZ_SEED ?? 20_260_101);
const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 2_000);

/** Bytes as they may come from anybody. */
export function rpcBytesSuite(target: Target): void {
  let world: World;
  beforeAll(async () => {
    world = await createWorld(target().url);
  });

  describe("of two mistakes, one comes first:", () => {
    test.each(ORDER.map((row) => [...row.wrong, row] as const))("%s before %s", async (_first, _then, row) => {
      const raw = typeof row.raw === "function" ? row.raw(world) : row.raw;
      const answer = await sendRaw(target().url, row.path, { ...raw, token: row.token?.(world) });
      if (row.code === undefined) expectError(answer.error!, row.refusal);
      else expect(answer.error).toMatchObject({ code: row.code });
      expect(reasonOf(answer.error!)).toBe(row.refusal);
    });
  });

  describe("is the client's mistake:", () => {
    test.each(HOSTILE)("%s", async (_what, rpc, raw, refusal) => {
      const { client, developer } = world;
      const token = rpc === createDeveloper ? developer.token : client.token;
      const answer = await sendRaw(target().url, pathOf(rpc), { ...raw, token });
      expectError(answer.error!, refusal);
      expect(answer.status).toBeLessThan(500);
    });

    test.each(QUERIES)("by GET, %s", async (_what, query, refusal) => {
      const answer = await sendRaw(target().url, `${base}?${query}`, { method: "GET", token: world.client.token });
      expectError(answer.error!, refusal);
    });
  });

  test("compression is UNIMPLEMENTED, as both protocols have it, and the answer says what is not", async () => {
    const { token } = world.client;
    const inQuery = `${base}?encoding=json&compression=gzip&message=%7B%7D`;
    const answers = [
      await sendRaw(target().url, inQuery, { method: "GET", token }),
      await sendRaw(target().url, base, { contentType: PROTO, headers: { "connect-content-encoding": "br" }, token }),
      await sendRaw(target().url, base, { contentType: GRPC_WEB, headers: { "grpc-encoding": "gzip" }, token }),
    ];
    for (const { error } of answers) {
      expect(error).toMatchObject({ code: Code.Unimplemented, rawMessage: expect.stringContaining("identity") });
    }
  });

  test("what a parser says of a body is told to nobody, for it may be a piece of a password", async () => {
    for (const body of ['{"email":"a@b.example","password":hunter2', '{"email":"a@b.example","password":12341234}']) {
      const { text } = await sendRaw(target().url, pathOf(login), { contentType: JSON_TYPE, body });
      expect(text).not.toMatch(/hunter|1234|Unexpected|position/);
    }
    const wrongType = { contentType: JSON_TYPE, body: '{"email":1}' };
    const { error } = await sendRaw(target().url, pathOf(login), wrongType);
    expect(violationsOf(error!)).toEqual([{ field: "email", message: "has a value that it cannot have" }]);
    const unknown = await sendRaw(target().url, pathOf(login), { contentType: JSON_TYPE, body: '{"mail":"a"}' });
    expect(violationsOf(unknown.error!)).toEqual([{ field: "mail", message: "is not a known field" }]);
  });

  test(`${REQUESTS} spoilt requests are answered in form (seed ${SEED})`, { timeout: 120_000 }, async () => {
    const { url } = target();
    const person = await register(url, "CLIENT");
    const ready = await readyRequests(world, person);
    const seen = new Map<string, number>();
    const property = fc.asyncProperty(SPOILT, async (spoilt) => {
      const { path, raw } = requestOf(spoilt, ready, person);
      const answer = await sendRaw(url, path, raw);
      const why = JSON.stringify({ path, raw, text: answer.text });
      expect(answer.status, why).toBeLessThan(500);
      expect([Code.Internal, Code.Unknown, Code.DataLoss, Code.Unavailable], why).not.toContain(answer.error?.code);
      expect(answer.headers.get("x-request-id"), why).toMatch(/\S/);
      const outcome = answer.error === undefined ? "OK" : reasonOf(answer.error)!;
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    });
    await fc.assert(property, { seed: SEED, numRuns: REQUESTS, endOnFailure: true });

    // A fuzz that is refused at the door tries nothing.
    for (const outcome of ["OK", "VALIDATION_ERROR", "UNSUPPORTED_MEDIA_TYPE", "AUTHENTICATION_FAILED"]) {
      expect(seen.get(outcome), outcome).toBeGreaterThan(REQUESTS / 50);
    }
  });
}

/** A good message of each rpc in both codecs. Its caller may be another than the one who sends it. */
async function readyRequests(world: World, person: Person) {
  const ready = PUBLIC_RPCS.map(async (rpc) => {
    // Whoever is signed out by a spoilt Logout can send nothing more.
    const skipped = shortName(rpc) === "AuthService.Logout";
    const { request = {} } = skipped ? {} : await RPC_CALLS[shortName(rpc)]!({ ...world, client: person });
    const message = create(rpc.input, request as Record<string, unknown>);
    return { rpc, binary: toBinary(rpc.input, message), json: utf8(toJsonString(rpc.input, message)) };
  });
  return (await Promise.all(ready)).filter(({ rpc }) => shortName(rpc) !== "AuthService.Logout");
}

const CONTENT_TYPES = [
  JSON_TYPE,
  PROTO,
  GRPC_WEB,
  GRPC_WEB_JSON,
  "application/grpc-web",
  "application/json; charset=utf-8",
  "application/connect+proto",
  "application/connect+json",
  "application/grpc",
  "text/plain",
];

const SPOILT = fc.record({
  rpc: fc.nat(),
  contentType: fc.constantFrom(...CONTENT_TYPES),
  method: fc.constantFrom("POST", "POST", "POST", "GET"),
  token: fc.constantFrom("good", "good", "good", "none", "bad"),
  /** Bytes that are changed, by their place from the front, as a part of the whole. */
  flips: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 255 })), {
    maxLength: 3,
  }),
  cut: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 4 }),
  tail: fc.uint8Array({ maxLength: 8 }),
  otherCodec: fc.constantFrom(false, false, false, true),
  flags: fc.constantFrom(0, 0, 0, 1, 2, 128, 255),
  length: fc.option(fc.constantFrom(0, 1, 5, 1_000_000, 0x7fff_ffff, 0xffff_ffff), { freq: 4 }),
  header: fc.option(
    fc.constantFrom(
      ["content-encoding", "br"],
      ["grpc-encoding", "identity"],
      ["grpc-encoding", "deflate"],
      ["connect-timeout-ms", "9999999999"],
      ["connect-timeout-ms", "1e3"],
      ["grpc-timeout", "99999999H"],
      ["grpc-timeout", "x"],
      ["connect-protocol-version", "7"],
      ["x-grpc-web", "0"],
    ),
    { freq: 4 },
  ),
});

type Spoilt = typeof SPOILT extends fc.Arbitrary<infer T> ? T : never;

function requestOf(spoilt: Spoilt, ready: Awaited<ReturnType<typeof readyRequests>>, person: Person) {
  const { rpc, binary, json } = ready[spoilt.rpc % ready.length]!;
  const { contentType, method, flags, length, header } = spoilt;
  const wantsJson = contentType.includes("json") !== spoilt.otherCodec;
  const message = spoil(wantsJson ? json : binary, spoilt);
  const framed = contentType.includes("grpc") || contentType.includes("connect+");
  const body = framed ? envelope(message, { flags, length: length ?? message.length }) : message;
  const encoded = Buffer.from(message).toString("base64url");
  const query = `?encoding=${wantsJson ? "json" : "proto"}&base64=1&message=${encoded}`;
  const raw: RawRpc = {
    method,
    ...(spoilt.token !== "none" && { token: spoilt.token === "good" ? person.token : "gar.ba.ge" }),
    ...(method !== "GET" && { contentType, body }),
    ...(header !== null && { headers: { [header[0]!]: header[1]! } }),
  };
  return { path: pathOf(rpc) + (method === "GET" ? query : ""), raw };
}

function spoil(message: Uint8Array, { flips, cut, tail }: Spoilt): Uint8Array {
  const spoilt = new Uint8Array([...message, ...(cut === null ? [] : tail)]);
  for (const [place, value] of flips) if (spoilt.length > 0) spoilt[Math.floor(place * (spoilt.length - 1))] = value;
  return cut === null ? spoilt : spoilt.slice(0, Math.floor(cut * spoilt.length));
}
