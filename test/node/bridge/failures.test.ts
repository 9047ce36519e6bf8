import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema, anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { OrchestratorService } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { TaskSchema } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { freePort } from "#platform/net/free-port.ts";
import { codeName } from "#src/node/bridge/record-outcome.ts";
import {
  answer,
  type Behaviour,
  dropConnection,
  dropConnectionInAnswer,
  envelope,
  GOOD_USER_ID,
  goodEnvelope,
  hang,
  hangAfterHeaders,
  hangInMessage,
  proxyAnswer,
  refuse,
  resetConnection,
  resetStream,
  startMisbehavingGrpcServer,
} from "../../support/misbehaving-grpc-server.ts";
import { callContext, eventually, gatewayErrorOf, openUsers, outline, PLENTY_MS } from "../../support/upstream.ts";
import { openWay, startBridgeUnderTest, WAYS } from "./bridge-under-test.ts";
import { refusal, startPlainGrpcServer } from "./plain-grpc-server.ts";

/** What a call ends with, which must be an error. */
async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  const thrown = await call.then(
    (given) => expect.fail(`expected an error, had an answer: ${String(given)}`),
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(ConnectError);
  return thrown as ConnectError;
}

/** Bytes of up to 256 MiB as field 15, which the answers of UserService do not have. */
function asUnknownField(bytes: Buffer): Buffer {
  const { length } = bytes;
  const varint = [0, 7, 14].map((shift) => ((length >> shift) & 127) | 128);
  return Buffer.concat([Buffer.from([0x7a, ...varint, length >> 21]), bytes]);
}

const getUser = (transport: Transport, timeoutMs = PLENTY_MS, signal?: AbortSignal) =>
  transport.unary(UserService.method.getUser, signal, timeoutMs, undefined, { userId: "usr_1" });

describe.each(WAYS)("%s", (way) => {
  test("a service's refusal arrives with its code, its words and its details", async () => {
    const server = await startPlainGrpcServer();
    const transport = openWay(way, await startBridgeUnderTest(server.url));
    const words = "Größe 100% falsch, über €5";
    const detail = anyPack(TaskSchema, create(TaskSchema, { taskId: "tsk_1", title: "ü" }));
    // google.rpc.Status: 1 code, 2 message, 3 details.
    const text = Buffer.from(words);
    const any = toBinary(AnySchema, detail);
    const details = Buffer.concat([
      Buffer.from([0x08, status.FAILED_PRECONDITION, 0x12, text.length]),
      text,
      Buffer.from([0x1a, any.length]),
      any,
    ]);
    for (const code of Object.values(status).filter((each) => typeof each === "number" && each !== status.OK)) {
      server.script("GetUser", { unary: (_call, reply) => reply(refusal(code as status, words)) });
      const error = await errorOf(getUser(transport));
      expect([error.code, error.rawMessage]).toEqual([code, words]);
    }

    server.script("GetUser", { unary: (_call, reply) => reply(refusal(status.FAILED_PRECONDITION, words, details)) });
    const error = await errorOf(getUser(transport));

    expect([error.code, error.rawMessage]).toEqual([Code.FailedPrecondition, words]);
    expect(error.findDetails(TaskSchema)).toMatchObject([{ taskId: "tsk_1", title: "ü" }]);
  });

  test("a stream's refusal arrives, before its first message and after it", async () => {
    const server = await startPlainGrpcServer();
    const client = createClient(OrchestratorService, openWay(way, await startBridgeUnderTest(server.url)));
    for (const before of [0, 2]) {
      server.script("WatchProposals", {
        stream: (call) => {
          for (let n = 0; n < before; n++) call.write(server.bytesOf("platform.orchestrator.v1.ProposalEvent"));
          call.emit("error", refusal(status.NOT_FOUND, "no such developer"));
        },
      });
      let seen = 0;
      const read = async () => {
        for await (const _ of client.watchProposals({ userId: "usr_x" })) seen++;
      };
      expect(await errorOf(read())).toMatchObject({ code: Code.NotFound, rawMessage: "no such developer" });
      expect(seen).toBe(before);
    }
  });

  test("the service is told what is left of the caller's deadline, and the ceiling where there is none", async () => {
    const server = await startPlainGrpcServer();
    const transport = openWay(way, await startBridgeUnderTest(server.url, { UPSTREAM_TIMEOUT: "12" }));
    await getUser(transport);
    const askedAtMs = Date.now();
    await getUser(transport, 9_000);
    const answeredInMs = Date.now() - askedAtMs;
    await transport.unary(UserService.method.getUser, undefined, undefined, undefined, { userId: "usr_1" });
    await getUser(transport, 3_600_000);
    await getUser(transport, 99_000_000);

    const left = server.seen.slice(1).map(({ deadlineAtMs }) => deadlineAtMs - askedAtMs);
    expect(left[0]).toBeLessThanOrEqual(9_000 + answeredInMs);
    expect(left[0]).toBeGreaterThan(8_000);
    for (const ms of left.slice(1)) {
      expect(ms).toBeGreaterThan(11_000);
      expect(ms).toBeLessThan(PLENTY_MS);
    }
  });

  test("a silent service: DEADLINE_EXCEEDED when the caller's time is up, and the service is let go", async () => {
    const server = await startPlainGrpcServer();
    server.script("GetUser", { unary: () => {} });
    const bridge = await startBridgeUnderTest(server.url);
    // The bridge is given more time than it is told, so that it is the bridge's answer that is seen.
    const transport = openWay(
      way,
      bridge,
      way.startsWith("Connect") ? { "connect-timeout-ms": "300" } : { "grpc-timeout": "300m" },
    );
    const startedAt = performance.now();

    expect((await errorOf(getUser(transport))).code).toBe(Code.DeadlineExceeded);

    expect(performance.now() - startedAt).toBeLessThan(PLENTY_MS / 2);
    await eventually(() => server.seen[0]!.cancelled, "the service hears of it");
  });

  test("a caller who leaves: the service hears of it, in a call and in a stream", async () => {
    const server = await startPlainGrpcServer();
    server.script("GetUser", { unary: () => {} });
    server.script("WatchProposals", {
      stream: (call) => call.write(server.bytesOf("platform.orchestrator.v1.ProposalEvent")),
    });
    const bridge = await startBridgeUnderTest(server.url);
    const transport = openWay(way, bridge);

    const leaving = new AbortController();
    const call = errorOf(getUser(transport, PLENTY_MS, leaving.signal));
    await eventually(() => server.seen.length === 1, "the call arrives");
    leaving.abort();
    expect((await call).code).toBe(Code.Canceled);
    await eventually(() => server.seen[0]!.cancelled, "the call is cancelled");

    const watching = new AbortController();
    const events = createClient(OrchestratorService, transport).watchProposals(
      { userId: "usr_1" },
      { signal: watching.signal },
    );
    for await (const _ of events) break;
    watching.abort();
    await eventually(() => server.seen[1]!.cancelled, "the stream is cancelled");
    await eventually(() => bridge.log.filter(({ code }) => code === "CANCELLED").length === 2, "both are logged");
  });

  test("a service that is down is UNAVAILABLE, without its address, and works again when it is back", async () => {
    const port = await freePort();
    const bridge = await startBridgeUnderTest(`http://127.0.0.1:${port}`);
    const transport = openWay(way, bridge);
    for (let n = 0; n < 3; n++) {
      const error = await errorOf(getUser(transport));
      expect(error.code).toBe(Code.Unavailable);
      expect(error.message).not.toMatch(/127\.0\.0\.1|ECONNREFUSED/);
    }
    await startPlainGrpcServer({ port });
    await getUser(transport);
    expect(bridge.log.filter(({ rpc }) => rpc !== undefined).map(({ code }) => code)).toEqual([
      "UNAVAILABLE",
      "UNAVAILABLE",
      "UNAVAILABLE",
      "OK",
    ]);
  });

  test("a message that is too large is refused, either way", async () => {
    const server = await startPlainGrpcServer();
    server.script("GetUser", {
      unary: (_call, reply) => {
        reply(null, asUnknownField(Buffer.alloc(17 * 1_048_576, "x")));
      },
    });
    const bridge = await startBridgeUnderTest(server.url);
    const transport = openWay(way, bridge);
    expect((await errorOf(getUser(transport))).code).toBe(Code.Internal);

    const seen = server.seen.length;
    const huge = { userId: "x".repeat(17 * 1_048_576) };
    const error = await errorOf(transport.unary(UserService.method.getUser, undefined, PLENTY_MS, undefined, huge));
    // Over HTTP/1.1 the connection may go before all has been sent; then the answer is lost.
    expect([Code.ResourceExhausted, Code.Aborted, Code.Internal]).toContain(error.code);
    expect(server.seen.length).toBe(seen);

    server.script("GetUser", { unary: (_call, reply) => reply(null, Buffer.alloc(0)) });
    // Another connection: over HTTP/1.1 Connect's client leaves the one that it was still writing to as it is.
    await getUser(openWay(way, bridge));
  });

  test("a message of almost the limit arrives, and comes back", async () => {
    const server = await startPlainGrpcServer();
    server.script("GetUser", { unary: ({ request }, reply) => reply(null, asUnknownField(request)) });
    const transport = openWay(way, await startBridgeUnderTest(server.url));
    const userId = "x".repeat(15 * 1_048_576);
    await transport.unary(UserService.method.getUser, undefined, PLENTY_MS, undefined, { userId });
    expect(server.seen[0]!.request.user_id).toBe(userId);
  });
});

test("a service that refuses large requests before it has read them still takes the small ones", async () => {
  const server = await startPlainGrpcServer({ maxRequestBytes: 1_048_576 });
  const transport = openWay("Connect over HTTP/1.1", await startBridgeUnderTest(server.url));
  for (let n = 0; n < 2; n++) {
    const userId = "x".repeat(15 * 1_048_576);
    const call = transport.unary(UserService.method.getUser, undefined, PLENTY_MS, undefined, { userId });
    expect((await errorOf(call)).code).toBe(Code.ResourceExhausted);
  }
  await getUser(transport);
});

const OK = "OK";
/** What a service does, and what the bridge's caller is told, which the gateway turns into its own answer. */
const MISBEHAVIOURS: readonly (readonly [what: string, Behaviour, Code, string, number])[] = [
  ["hangs", hang, Code.DeadlineExceeded, "DEADLINE_EXCEEDED", 504],
  ["hangs after its headers", hangAfterHeaders, Code.DeadlineExceeded, "DEADLINE_EXCEEDED", 504],
  ["hangs in its message", hangInMessage, Code.DeadlineExceeded, "DEADLINE_EXCEEDED", 504],
  ["drops the connection", dropConnection, Code.Internal, "UPSTREAM_ERROR", 502],
  ["resets the connection", resetConnection, Code.Internal, "UPSTREAM_ERROR", 502],
  ["drops the connection in its answer", dropConnectionInAnswer, Code.Internal, "UPSTREAM_ERROR", 502],
  ["cancels the stream itself", resetStream(8), Code.Internal, "UPSTREAM_ERROR", 502],
  ["resets the stream", resetStream(2), Code.Internal, "UPSTREAM_ERROR", 502],
  ["refuses the stream", resetStream(7), Code.Unavailable, "SERVICE_UNAVAILABLE", 503],
  ["sends no trailers", answer({ trailers: null }), Code.Internal, "UPSTREAM_ERROR", 502],
  [
    "sends what is not protobuf",
    answer({ body: envelope(Buffer.from("garbage")) }),
    Code.Internal,
    "UPSTREAM_ERROR",
    502,
  ],
  [
    "lies about the length",
    answer({ body: envelope(Buffer.from("x"), { length: 900 }) }),
    Code.Internal,
    "UPSTREAM_ERROR",
    502,
  ],
  ["cuts the envelope's head", answer({ body: goodEnvelope.subarray(0, 3) }), Code.Internal, "UPSTREAM_ERROR", 502],
  [
    "answers twice",
    answer({ body: Buffer.concat([goodEnvelope, goodEnvelope]) }),
    Code.Internal,
    "UPSTREAM_ERROR",
    502,
  ],
  ["has a status that is none", refuse(99, "from 10.0.0.7:50051"), Code.Internal, "UPSTREAM_ERROR", 502],
  ["is a proxy's page with 200", proxyAnswer(200), Code.Internal, "UPSTREAM_ERROR", 502],
  ["is a proxy's 401", proxyAnswer(401), Code.Internal, "UPSTREAM_ERROR", 502],
  ["is a proxy's 500", proxyAnswer(500), Code.Internal, "UPSTREAM_ERROR", 502],
  ["is a proxy's 503", proxyAnswer(503), Code.Unavailable, "SERVICE_UNAVAILABLE", 503],
  ["is a proxy's 504", proxyAnswer(504), Code.DeadlineExceeded, "DEADLINE_EXCEEDED", 504],
  [`says ${OK} without an answer`, refuse(0, ""), Code.Internal, "UPSTREAM_ERROR", 502],
];

describe.each(["Connect over HTTP/1.1", "gRPC-Web over HTTP/1.1"] as const)("%s, a service that", (way) => {
  test.each(MISBEHAVIOURS)("%s", async (_what, behaviour, code, errorCode, httpStatus) => {
    const server = await startMisbehavingGrpcServer();
    const bridge = await startBridgeUnderTest(server.url, { UPSTREAM_TIMEOUT: "0.5" });
    const transport = openWay(way, bridge);

    server.misbehaveOnce(behaviour);
    const error = await errorOf(getUser(transport));
    expect([Code[error.code], error.message]).toEqual([
      Code[code],
      expect.not.stringMatching(/10\.0\.0\.7|50051|<html/),
    ]);
    await getUser(transport);

    // The same for a gateway that has the bridge in the service's place.
    const users = openUsers(transport);
    server.misbehaveOnce(behaviour);
    // A write: a read would be made again where that may help.
    const shown = await gatewayErrorOf(users.createUser({ email: "ada@example.org" }, callContext()));
    expect(outline(shown).slice(0, 2)).toEqual([errorCode, httpStatus]);
    expect((await users.getUser({ userId: "usr_1" }, callContext())).user?.userId).toBe(GOOD_USER_ID);
    expect(bridge.log.map(({ code: logged }) => logged)).toContain(codeName(code));
  });
});
