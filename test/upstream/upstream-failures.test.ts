import { constants } from "node:http2";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { freePort } from "#platform/net/free-port.ts";
import type { ErrorCode, GatewayError } from "#src/errors.ts";
import type { Outcome } from "#src/upstream/tally.ts";
import {
  answer,
  type Behaviour,
  dropConnection,
  dropConnectionInAnswer,
  envelope,
  GOOD_USER_ID,
  goAwayDuringCall,
  goodEnvelope,
  hang,
  hangAfterHeaders,
  hangInMessage,
  proxyAnswer,
  refuse,
  resetConnection,
  resetStream,
  resetStreamAfterHeaders,
  startMisbehavingGrpcServer,
} from "../support/misbehaving-grpc-server.ts";
import { startRawServer } from "../support/raw-server.ts";
import { recordingBreaker } from "../support/recording-breaker.ts";
import {
  callContext,
  eventually,
  gatewayErrorOf,
  openUpstream,
  outline,
  PLENTY_MS,
  serviceCalls,
  type Upstream,
} from "../support/upstream.ts";

type Verdict = readonly [code: ErrorCode, status: number, retryAfterSeconds?: number];

const BAD_GATEWAY: Verdict = ["UPSTREAM_ERROR", 502];
const UNAVAILABLE: Verdict = ["SERVICE_UNAVAILABLE", 503, 2];
const TOO_LATE: Verdict = ["DEADLINE_EXCEEDED", 504];

/** Text that no client may read, percent-encoded as gRPC sends it. */
const HOSTILE_TEXT = encodeURIComponent(
  "\u001b[31mpanic\r\nX-Evil: 1\r\n at query (/srv/app/db.ts:12:7) postgres://svc:secret@10.0.0.7:5432/users",
);
const LEAK = /10\.0\.0\.7|127\.0\.0\.1|postgres|secret|\.ts\b|X-Evil|html|NGHTTP2|envelope|grpc-status|\p{Cc}/iu;

/**
 * The call that fails is a write, which is not made again where the service may have begun: what is looked at here is
 * one attempt. What is repeated has a file of its own (retries.test.ts).
 */
const account = { email: "ada@example.org" };

/** Time enough for a call that is meant to run into its deadline. */
const SHORT_MS = 400;

interface Failure {
  readonly what: string;
  readonly behave: Behaviour;
  readonly expected: Verdict;
  /** The status in gateway_service_calls_total. */
  readonly metric: string;
  readonly why: string;
  readonly deadlineMs?: number;
}

const row = (
  what: string,
  behave: Behaviour,
  expected: Verdict,
  metric: string,
  why: string,
  deadlineMs?: number,
): Failure => ({ what, behave, expected, metric, why, ...(deadlineMs === undefined ? {} : { deadlineMs }) });

const { NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_CANCEL } = constants;
const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_INADEQUATE_SECURITY } = constants;
/** A GOAWAY's last stream, where every stream has been seen. */
const SEEN = 2 ** 31 - 1;
const tooLarge = Buffer.alloc(16 * 1_048_576 + 1);
const gzip = { "grpc-encoding": "gzip" };

const FAILURES: readonly Failure[] = [
  // A proxy answers in the service's place. HTTP statuses as gRPC's own mapping has them, except where noted.
  row("HTTP 400", proxyAnswer(400), BAD_GATEWAY, "INTERNAL", "we wrote the request: the client's is not bad"),
  row("HTTP 401", proxyAnswer(401), BAD_GATEWAY, "INTERNAL", "our credentials, not the user's token"),
  row("HTTP 403", proxyAnswer(403), ["ACCESS_DENIED", 403], "PERMISSION_DENIED", "a mesh's policy says no"),
  row("HTTP 404", proxyAnswer(404), ["UNIMPLEMENTED", 501], "UNIMPLEMENTED", "no such rpc; not: no such thing"),
  row("HTTP 429", proxyAnswer(429), UNAVAILABLE, "UNAVAILABLE", "the proxy's limit is on us, not on this caller"),
  row("HTTP 500", proxyAnswer(500), BAD_GATEWAY, "INTERNAL", "the proxy itself is broken"),
  row("HTTP 502", proxyAnswer(502), UNAVAILABLE, "UNAVAILABLE", "the proxy cannot reach the service"),
  row("HTTP 503 without grpc-status", proxyAnswer(503), UNAVAILABLE, "UNAVAILABLE", "no endpoint is ready"),
  row("HTTP 504", proxyAnswer(504), TOO_LATE, "DEADLINE_EXCEEDED", "the service was too slow for the proxy"),
  row("a redirect", proxyAnswer(302), BAD_GATEWAY, "INTERNAL", "following it would carry our metadata elsewhere"),
  row("HTML with 200", proxyAnswer(200), BAD_GATEWAY, "INTERNAL", "a login page, a parked domain"),

  // Time.
  row("silence", hang, TOO_LATE, "DEADLINE_EXCEEDED", "before headers", SHORT_MS),
  row("silence after headers", hangAfterHeaders, TOO_LATE, "DEADLINE_EXCEEDED", "headers are no answer", SHORT_MS),
  row("silence in a message", hangInMessage, TOO_LATE, "DEADLINE_EXCEEDED", "half a message neither", SHORT_MS),

  // The connection.
  row("a dropped connection", dropConnection, BAD_GATEWAY, "INTERNAL", "Connect says CANCELED: not by our client"),
  row("a reset connection", resetConnection, BAD_GATEWAY, "INTERNAL", "Connect says ABORTED: not 409"),
  row("a connection dropped in the answer", dropConnectionInAnswer, BAD_GATEWAY, "INTERNAL", "half an answer is none"),
  row("RST_STREAM INTERNAL_ERROR", resetStream(NGHTTP2_INTERNAL_ERROR), BAD_GATEWAY, "INTERNAL", "a crashed handler"),
  row("RST_STREAM PROTOCOL_ERROR", resetStream(NGHTTP2_PROTOCOL_ERROR), BAD_GATEWAY, "INTERNAL", "a confused peer"),
  row("RST_STREAM NO_ERROR", resetStream(NGHTTP2_NO_ERROR), BAD_GATEWAY, "INTERNAL", "an end without any answer"),
  row("RST_STREAM CANCEL", resetStream(NGHTTP2_CANCEL), BAD_GATEWAY, "INTERNAL", "the service gave up, not our client"),
  row(
    "RST_STREAM CANCEL after headers",
    resetStreamAfterHeaders(NGHTTP2_CANCEL),
    BAD_GATEWAY,
    "INTERNAL",
    "the same, later",
  ),
  row(
    "RST_STREAM INTERNAL_ERROR in a message",
    resetStreamAfterHeaders(NGHTTP2_INTERNAL_ERROR),
    BAD_GATEWAY,
    "INTERNAL",
    "Connect says INVALID_ARGUMENT: not 400",
  ),
  row(
    "RST_STREAM ENHANCE_YOUR_CALM",
    resetStream(NGHTTP2_ENHANCE_YOUR_CALM),
    BAD_GATEWAY,
    "INTERNAL",
    "Connect may say RESOURCE_EXHAUSTED: the caller has no limit here",
  ),
  row(
    "RST_STREAM INADEQUATE_SECURITY",
    resetStream(NGHTTP2_INADEQUATE_SECURITY),
    BAD_GATEWAY,
    "INTERNAL",
    "Connect may say PERMISSION_DENIED: nobody asked about the caller",
  ),
  row(
    "GOAWAY in the call, and the connection's end",
    goAwayDuringCall(NGHTTP2_NO_ERROR, { lastStreamId: SEEN }),
    BAD_GATEWAY,
    "INTERNAL",
    "the service began: nobody knows how far it came",
  ),
  row(
    "GOAWAY INTERNAL_ERROR",
    goAwayDuringCall(NGHTTP2_INTERNAL_ERROR, { lastStreamId: SEEN }),
    BAD_GATEWAY,
    "INTERNAL",
    "the connection is broken",
  ),
  row(
    "GOAWAY ENHANCE_YOUR_CALM",
    goAwayDuringCall(NGHTTP2_ENHANCE_YOUR_CALM, { lastStreamId: SEEN }),
    BAD_GATEWAY,
    "INTERNAL",
    "too many pings, say",
  ),

  // Answers that are none.
  row("no trailers", answer({ trailers: null }), BAD_GATEWAY, "INTERNAL", "a message alone is no success"),
  row("nothing at all", answer({ trailers: null, body: Buffer.alloc(0) }), BAD_GATEWAY, "INTERNAL", "headers, and out"),
  row("trailers without grpc-status", answer({ trailers: { x: "1" } }), BAD_GATEWAY, "INTERNAL", "is not OK either"),
  row("OK without a message", answer({ body: Buffer.alloc(0) }), BAD_GATEWAY, "INTERNAL", "Connect: UNIMPLEMENTED"),
  row("OK in the headers", refuse(0, "fine"), BAD_GATEWAY, "INTERNAL", "trailers-only is for refusals"),
  row(
    "bytes that are not protobuf",
    answer({ body: envelope(Buffer.from("garbage!")) }),
    BAD_GATEWAY,
    "INTERNAL",
    "another message type, a broken proxy",
  ),
  row(
    "a message cut short inside",
    answer({ body: envelope(goodEnvelope.subarray(5, -2)) }),
    BAD_GATEWAY,
    "INTERNAL",
    "the envelope is whole, the message is not",
  ),
  row(
    "an envelope that promises more than comes",
    answer({ body: envelope(Buffer.from("abc"), { length: 100 }) }),
    BAD_GATEWAY,
    "INTERNAL",
    "Connect says INVALID_ARGUMENT: not the client's",
  ),
  row(
    "an envelope of 4 GiB",
    answer({ body: envelope(Buffer.from("abc"), { length: 2 ** 32 - 1 }) }),
    BAD_GATEWAY,
    "INTERNAL",
    "refused before anything is allocated; not the client's limit",
  ),
  row("a truncated envelope", answer({ body: goodEnvelope.subarray(0, 3) }), BAD_GATEWAY, "INTERNAL", "3 of 5 bytes"),
  row(
    "two messages",
    answer({ body: Buffer.concat([goodEnvelope, goodEnvelope]) }),
    BAD_GATEWAY,
    "INTERNAL",
    "which of them? Connect says UNIMPLEMENTED: not 501",
  ),
  row(
    "a compressed flag without an encoding",
    answer({ body: envelope(Buffer.from("abc"), { flags: 1 }) }),
    BAD_GATEWAY,
    "INTERNAL",
    "nobody can read it",
  ),
  row(
    "an encoding that we did not offer",
    answer({ headers: { "grpc-encoding": "zstd" }, body: envelope(Buffer.from("abc"), { flags: 1 }) }),
    BAD_GATEWAY,
    "INTERNAL",
    "nor this",
  ),
  row(
    "gzip that is none",
    answer({ headers: gzip, body: envelope(Buffer.from("abc"), { flags: 1 }) }),
    BAD_GATEWAY,
    "INTERNAL",
    "nobody asked for gzip",
  ),
  row(
    "a gzip bomb",
    answer({ headers: gzip, body: envelope(gzipSync(Buffer.alloc(64 * 1_048_576)), { flags: 1 }) }),
    BAD_GATEWAY,
    "INTERNAL",
    "64 KiB that would become 64 MiB: nobody unpacks them",
  ),
  row("a message over 16 MiB", answer({ body: envelope(tooLarge) }), BAD_GATEWAY, "INTERNAL", "more than we take"),

  // Statuses that are none, and texts that were never meant for clients.
  ...["99", "-1", "abc", ""].map((status) =>
    row(`grpc-status "${status}"`, refuse(status, HOSTILE_TEXT), BAD_GATEWAY, "INTERNAL", "no such code"),
  ),
  ...["!!!", "/////w"].map((details) =>
    row(
      `grpc-status-details-bin "${details}"`,
      refuse(5, "x", { "grpc-status-details-bin": details }),
      BAD_GATEWAY,
      "INTERNAL",
      "no base64, no protobuf: the status beside it is not believed",
    ),
  ),
  row(
    "grpc-status-details-bin with a code that there is not",
    refuse(5, "x", { "grpc-status-details-bin": "CGMSAWE" }),
    BAD_GATEWAY,
    "UNKNOWN",
    "code 99, which the library takes as it is",
  ),
];

/** How the circuit breaker takes what is no plain failure of the service. */
const TAKEN_OTHERWISE: Readonly<Record<string, Outcome>> = {
  // Perhaps what this caller sent, or what it keeps there, is too much.
  "HTTP 400": "suspect",
  "HTTP 401": "suspect",
  "an envelope of 4 GiB": "suspect",
  "a message over 16 MiB": "suspect",
  // Something is there and answers.
  "HTTP 403": "success",
  "HTTP 404": "success",
};

describe("an upstream's failure has the right answer, and the next call on the same client is well", () => {
  test.each(FAILURES)("R-06 $what: $expected.0 ($why)", async (failure) => {
    const { what, behave, expected, metric, deadlineMs = PLENTY_MS } = failure;
    const server = await startMisbehavingGrpcServer();
    const breaker = recordingBreaker();
    const upstream = openUpstream(server.url, { createBreaker: breaker.create, requestTimeoutMs: deadlineMs });
    await expectGoodCall(upstream);

    server.misbehaveOnce(behave);
    const context = callContext({ deadlineAtMs: Date.now() + deadlineMs });
    const error = await gatewayErrorOf(upstream.platform.users.createUser(account, context));

    expect(outline(error)).toEqual(expected);
    expect(textsOf(error)).not.toMatch(LEAK);
    expect(textsOf(error)).toContain("The user service");
    expect(error.cause, "what the log is told").toBeInstanceOf(Error);
    await expectGoodCall(upstream);
    expect(serviceCalls(upstream.metrics)).toEqual({
      "user-service GetUser OK": 2,
      [`user-service CreateUser ${metric}`]: 1,
    });
    expect(breaker.outcomes).toEqual(["success", TAKEN_OTHERWISE[what] ?? "failure", "success"]);
  });

  test("a status message that is badly percent-encoded is text, and the status counts", async () => {
    const server = await startMisbehavingGrpcServer();
    const upstream = openUpstream(server.url);
    server.misbehaveOnce(refuse(5, "100% wrong %zz%"));
    const error = await failure(upstream);
    expect(outline(error)).toEqual(["NOT_FOUND", 404]);
    expect(error.message).toBe("100% wrong %zz%");
    await expectGoodCall(upstream);
  });

  test("the first call of a connection fails no differently", async () => {
    const server = await startMisbehavingGrpcServer();
    const upstream = openUpstream(server.url);
    server.misbehaveOnce(dropConnection);
    expect(outline(await failure(upstream))).toEqual(BAD_GATEWAY);
    await expectGoodCall(upstream);
    expect(server.connectionCount()).toBe(2);
  });

  test("a hundred failures of every kind in turn, and the client is as good as new", async () => {
    const server = await startMisbehavingGrpcServer();
    const upstream = openUpstream(server.url);
    const quick = FAILURES.filter(({ deadlineMs }) => deadlineMs === undefined);
    for (let n = 0; n < 100; n++) {
      const { what, behave, expected } = quick[(n * 7) % quick.length]!;
      server.misbehaveOnce(behave);
      expect(outline(await failure(upstream)), what).toEqual(expected);
    }
    await expectGoodCall(upstream);
  });

  test("a message of just 16 MiB is taken", async () => {
    const server = await startMisbehavingGrpcServer();
    const { platform } = openUpstream(server.url);
    // Field 15 of the answer, which nobody knows, with as many bytes as fit.
    const head = Buffer.from([0x7a, 0xfb, 0xff, 0xff, 0x07]);
    const body = Buffer.concat([head, Buffer.alloc(16 * 1_048_576 - 5)]);
    server.misbehaveOnce(answer({ body: envelope(body) }));
    const { $unknown } = await platform.users.getUser({ userId: "usr_a" }, callContext());
    expect($unknown).toHaveLength(1);
  });

  test("calls beyond what the service takes at once wait for each other", async () => {
    const server = await startMisbehavingGrpcServer();
    const upstream = openUpstream(server.url);
    await expectGoodCall(upstream);
    await server.limitStreams(1);
    await Promise.all(Array.from({ length: 20 }, () => expectGoodCall(upstream)));
    expect(server.connectionCount()).toBe(1);
  });
});

describe("a service that cannot be reached", () => {
  test("a refused connection is 503 with Retry-After, and the call after the service has come is well", async () => {
    const port = await freePort();
    const upstream = openUpstream(`http://127.0.0.1:${port}`);
    for (let n = 0; n < 3; n++) expect(outline(await failure(upstream))).toEqual(UNAVAILABLE);
    await startMisbehavingGrpcServer(port);
    await expectGoodCall(upstream);
    expect(serviceCalls(upstream.metrics)).toEqual({
      "user-service CreateUser UNAVAILABLE": 3,
      "user-service GetUser OK": 1,
    });
  });

  test("a service that restarts on its port is found again", async () => {
    const first = await startMisbehavingGrpcServer();
    const upstream = openUpstream(first.url);
    await expectGoodCall(upstream);
    await first.stop();
    // A call may still meet the old connection, on its way down; the one after it cannot.
    expect([BAD_GATEWAY, UNAVAILABLE]).toContainEqual(outline(await failure(upstream)));
    expect(outline(await failure(upstream))).toEqual(UNAVAILABLE);
    await startMisbehavingGrpcServer(first.port);
    await expectGoodCall(upstream);
  });

  test.each([
    ["closes every connection", (socket: { destroy(): void }) => socket.destroy()],
    ["answers HTTP/1.1", (socket: { end(text: string): void }) => socket.end("HTTP/1.1 200 OK\r\n\r\n<html>")],
  ])("a port that %s is an error of the service, and no harm to the next call", async (_what, onSocket) => {
    const raw = await startRawServer(onSocket as never);
    const upstream = openUpstream(`http://127.0.0.1:${raw.port}`);
    const error = await failure(upstream);
    expect(["UPSTREAM_ERROR", "SERVICE_UNAVAILABLE"]).toContain(error.errorCode);
    expect(textsOf(error)).not.toMatch(LEAK);
    await raw.stop();
    await startMisbehavingGrpcServer(raw.port);
    await expectGoodCall(upstream);
  });

  test("a port that takes connections and says nothing is 504 at the deadline", async () => {
    const raw = await startRawServer(() => {});
    const upstream = openUpstream(`http://127.0.0.1:${raw.port}`);
    const context = callContext({ deadlineAtMs: Date.now() + SHORT_MS });
    const error = await gatewayErrorOf(upstream.platform.users.getUser({ userId: "usr_a" }, context));
    expect(outline(error)).toEqual(TOO_LATE);
  });

  test("a TLS handshake that never ends is given up, and the next call begins anew", async () => {
    // Without a limit of its own the connection stays "connecting" for ever, and every later call waits with it.
    const raw = await startRawServer(() => {});
    const upstream = openUpstream(`https://127.0.0.1:${raw.port}`);
    expect(outline(await failure(upstream))).toEqual(UNAVAILABLE);
    expect(outline(await failure(upstream))).toEqual(UNAVAILABLE);
    expect(raw.connectionCount()).toBe(2);
  });

  test("a TLS handshake with a server that knows no TLS is an error of the service", async () => {
    const raw = await startRawServer((socket) => socket.end("220 mail.example ESMTP\r\n"));
    const error = await failure(openUpstream(`https://127.0.0.1:${raw.port}`));
    expect(["UPSTREAM_ERROR", "SERVICE_UNAVAILABLE"]).toContain(error.errorCode);
    expect(textsOf(error)).not.toMatch(LEAK);
  });
});

describe("a service that says goodbye between calls", () => {
  // connect-es#1768: the session's error arrives when nobody listens any more, and would end the process. Vitest fails
  // the run on any uncaught error.
  test.each([
    ["NO_ERROR", NGHTTP2_NO_ERROR],
    ["INTERNAL_ERROR", NGHTTP2_INTERNAL_ERROR],
    ["ENHANCE_YOUR_CALM", NGHTTP2_ENHANCE_YOUR_CALM],
  ])("GOAWAY %s on an idle connection, with a call right behind, ends nothing", async (_name, code) => {
    const server = await startMisbehavingGrpcServer();
    const upstream = openUpstream(server.url);
    for (let n = 0; n < 20; n++) {
      await expectGoodCall(upstream);
      server.goAway(code);
      // At every distance: before the frame has arrived, while the socket closes, afterwards.
      for (let turn = 0; turn < n % 7; turn++) await new Promise((resolve) => setImmediate(resolve));
      await upstream.platform.users.getUser({ userId: "usr_a" }, callContext()).catch(() => {});
    }
    await expectGoodCall(upstream);
  });

  test("a call under way at a graceful GOAWAY is answered, and the next one has a connection of its own", async () => {
    const server = await startMisbehavingGrpcServer();
    const upstream = openUpstream(server.url);
    server.misbehaveOnce(goAwayDuringCall(NGHTTP2_NO_ERROR, { lastStreamId: 1, thenAnswer: true }));
    await expectGoodCall(upstream);
    await expectGoodCall(upstream);
    expect(server.connectionCount()).toBe(2);
  });
});

describe("the client goes away", () => {
  test.each([
    ["before headers", hang],
    ["after headers", hangAfterHeaders],
    ["in a message", hangInMessage],
  ])("%s: CANCELLED for the log, and the service is told to stop", async (_when, behave) => {
    const server = await startMisbehavingGrpcServer();
    const upstream = openUpstream(server.url);
    server.misbehaveOnce(behave);
    const client = new AbortController();
    const call = gatewayErrorOf(
      upstream.platform.users.getUser({ userId: "usr_a" }, callContext({ signal: client.signal })),
    );
    await eventually(() => server.calls.length === 1, "the call arrives");
    client.abort();
    expect(outline(await call)).toEqual(["CANCELLED", 499]);
    await eventually(() => server.calls[0]!.resetWith === NGHTTP2_CANCEL, "the service sees the cancel");
    expect(serviceCalls(upstream.metrics)).toEqual({ "user-service GetUser CANCELLED": 1 });
    await expectGoodCall(upstream);
    expect(server.connectionCount(), "the connection was not the client's").toBe(1);
  });

  test("before the call begins: CANCELLED, and no service hears of it", async () => {
    const server = await startMisbehavingGrpcServer();
    const upstream = openUpstream(server.url);
    const context = callContext({ signal: AbortSignal.abort() });
    const error = await gatewayErrorOf(upstream.platform.users.getUser({ userId: "usr_a" }, context));
    expect(outline(error)).toEqual(["CANCELLED", 499]);
    await expectGoodCall(upstream);
    expect(server.calls).toHaveLength(1);
  });

  test("for a reason of its own: CANCELLED all the same", async () => {
    const server = await startMisbehavingGrpcServer();
    const upstream = openUpstream(server.url);
    server.misbehaveOnce(hang);
    const client = new AbortController();
    const call = gatewayErrorOf(
      upstream.platform.users.getUser({ userId: "usr_a" }, callContext({ signal: client.signal })),
    );
    await eventually(() => server.calls.length === 1, "the call arrives");
    client.abort(new TypeError("terminated"));
    expect(outline(await call)).toEqual(["CANCELLED", 499]);
  });

  test("one of two callers going away does not touch the other", async () => {
    const server = await startMisbehavingGrpcServer();
    const upstream = openUpstream(server.url);
    server.misbehaveOnce(hang);
    const client = new AbortController();
    const gone = gatewayErrorOf(
      upstream.platform.users.getUser({ userId: "usr_a" }, callContext({ signal: client.signal })),
    );
    await eventually(() => server.calls.length === 1, "the call arrives");
    const stays = expectGoodCall(upstream);
    client.abort();
    await stays;
    expect((await gone).errorCode).toBe("CANCELLED");
  });
});

async function failure({ platform }: Upstream): Promise<GatewayError> {
  return await gatewayErrorOf(platform.users.createUser(account, callContext()));
}

async function expectGoodCall({ platform }: Upstream): Promise<void> {
  const { user } = await platform.users.getUser({ userId: "usr_a" }, callContext());
  expect(user?.userId).toBe(GOOD_USER_ID);
}

/** All of an error that a client can read. */
function textsOf({ message, violations, headers }: GatewayError): string {
  return JSON.stringify([message, violations, headers]);
}
