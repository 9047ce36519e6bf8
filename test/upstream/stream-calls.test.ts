import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ProposalEventSchema } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { LONGEST_STREAM_MS } from "#src/contract/stream-life.ts";
import type { GatewayError } from "#src/errors.ts";
import { DEFAULT_BREAKER_OPTIONS } from "#src/upstream/breaker.ts";
import type { Outcome } from "#src/upstream/tally.ts";
import {
  type Behaviour,
  dropConnection,
  envelope,
  hang,
  hangAfterHeaders,
  proxyAnswer,
  refuse,
  resetConnection,
  resetStream,
  startMisbehavingGrpcServer,
} from "../support/misbehaving-grpc-server.ts";
import { recordingBreaker } from "../support/recording-breaker.ts";
import { callContext, eventually, gatewayErrorOf, openUpstream, outline, serviceCalls } from "../support/upstream.ts";

const eventBytes = (eventId: string) =>
  envelope(toBinary(ProposalEventSchema, create(ProposalEventSchema, { eventId })));
const HEADERS = { ":status": 200, "content-type": "application/grpc+proto" };

/** Sends an event, then does whatever comes next. */
function firstOneEvent(then: Behaviour): Behaviour {
  return (stream, connection) => {
    stream.respond(HEADERS, { waitForTrailers: true });
    stream.write(eventBytes("1"), () => setImmediate(() => then(stream, connection)));
  };
}

/** Ends the stream with this status. */
function endWith(status: number, message = "from 10.0.0.7:50051"): Behaviour {
  return (stream) => {
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(status), "grpc-message": message }));
    stream.end();
  };
}

async function setUp(behave: Behaviour) {
  const server = await startMisbehavingGrpcServer();
  server.misbehave(behave);
  const { create: createBreaker, outcomes } = recordingBreaker();
  const upstream = openUpstream(server.url, { createBreaker });
  const leaving = new AbortController();
  const watch = () => {
    const context = callContext({ signal: leaving.signal, requestId: "req-7" });
    return upstream.platform.orchestrator.watchProposals({ userId: "usr_a", afterEventId: "3" }, context);
  };
  return {
    server,
    upstream,
    outcomes,
    watch,
    leave: () => leaving.abort(),
    iterator: () => watch()[Symbol.asyncIterator](),
  };
}

const openStreams = ({ metrics }: { metrics: { render(): string } }) =>
  Number(/^gateway_service_streams_open\{service="orchestrator"\} (\d+)$/m.exec(metrics.render())?.[1]);

/** The events that came, and what the stream failed with. */
async function readAll(events: AsyncIterable<{ readonly eventId: string }>) {
  const ids: string[] = [];
  const failure = await (async () => {
    for await (const { eventId } of events) ids.push(eventId);
  })().then(
    () => undefined,
    (error: GatewayError) => error,
  );
  return { ids, failure };
}

type Row = readonly [what: string, behave: Behaviour, error: readonly unknown[], outcome: Outcome, status: string];

const BEFORE: readonly Row[] = [
  ["refuses as unavailable", refuse(14, "draining"), ["SERVICE_UNAVAILABLE", 503, 2], "failure", "UNAVAILABLE"],
  ["drops the connection", dropConnection, ["UPSTREAM_ERROR", 502], "failure", "INTERNAL"],
  ["resets the connection", resetConnection, ["UPSTREAM_ERROR", 502], "failure", "INTERNAL"],
  ["resets the stream", resetStream(2), ["UPSTREAM_ERROR", 502], "failure", "INTERNAL"],
  ["has a proxy that says 503", proxyAnswer(503), ["SERVICE_UNAVAILABLE", 503, 2], "failure", "UNAVAILABLE"],
  ["answers HTML", proxyAnswer(200), ["UPSTREAM_ERROR", 502], "failure", "INTERNAL"],
  ["finds the request wrong", refuse(3, "no such event"), ["INVALID_ARGUMENT", 400], "success", "INVALID_ARGUMENT"],
  ["does not know streams", refuse(12, ""), ["UNIMPLEMENTED", 501], "success", "UNIMPLEMENTED"],
  ["fails inside", refuse(13, "stack trace"), ["UPSTREAM_ERROR", 502], "suspect", "INTERNAL"],
];

describe("a stream of a service that", () => {
  test.each(BEFORE)("%s ends with the right error, and the breaker hears of it once", async (...row) => {
    const [, behave, error, outcome, status] = row;
    const { upstream, outcomes, watch } = await setUp(behave);
    const { ids, failure } = await readAll(watch());
    expect([ids, failure && outline(failure)]).toEqual([[], error]);
    expect(failure?.message).not.toMatch(/10\.0\.0|stack/);
    expect(outcomes).toEqual([outcome]);
    expect(serviceCalls(upstream.metrics)).toEqual({ [`orchestrator WatchProposals ${status}`]: 1 });
    expect(openStreams(upstream)).toBe(0);
  });

  test.each([
    ["ends well", endWith(0), undefined, "OK"],
    ["ends as unavailable", endWith(14), ["SERVICE_UNAVAILABLE", 503, 2], "UNAVAILABLE"],
    ["drops the connection", dropConnection, ["UPSTREAM_ERROR", 502], "INTERNAL"],
    ["is restarted under it", resetStream(7), ["SERVICE_UNAVAILABLE", 503, 2], "UNAVAILABLE"],
  ] as const)("says something and then %s was well for the breaker: it began", async (_what, then, error, status) => {
    const { upstream, outcomes, watch } = await setUp(firstOneEvent(then));
    const { ids, failure } = await readAll(watch());
    expect([ids, failure && outline(failure)]).toEqual([["1"], error]);
    expect(outcomes).toEqual(["success"]);
    expect(serviceCalls(upstream.metrics)).toEqual({ [`orchestrator WatchProposals ${status}`]: 1 });
  });

  test("answers bytes that are no event is garbled", async () => {
    const { outcomes, watch } = await setUp((stream) => {
      stream.respond(HEADERS);
      stream.end(envelope(new Uint8Array([0xff, 0xff, 0xff])));
    });
    const { failure } = await readAll(watch());
    expect(outline(failure!)).toEqual(["UPSTREAM_ERROR", 502]);
    expect(outcomes).toEqual(["failure"]);
  });

  test.each([
    ["hangs", hang],
    ["hangs after its head", hangAfterHeaders],
  ])(
    "%s is not judged: it may be well and have nothing to say; it hears when its reader leaves",
    async (_what, behave) => {
      const { server, upstream, outcomes, iterator, leave } = await setUp(behave);
      const next = iterator().next();
      await eventually(() => server.calls.length === 1, "the stream is opened");
      await eventually(() => outcomes.length === 1, "a second passes");
      expect(outcomes).toEqual(["neutral"]);
      expect(openStreams(upstream)).toBe(1);
      leave();
      expect((await gatewayErrorOf(next)).errorCode).toBe("CANCELLED");
      await eventually(() => server.calls[0]!.resetWith === 8, "the service is told CANCEL");
      expect([outcomes, openStreams(upstream)]).toEqual([["neutral"], 0]);
      expect(serviceCalls(upstream.metrics)).toEqual({ "orchestrator WatchProposals CANCELLED": 1 });
    },
  );
});

test("a service hears when its reader has had enough, although its client is still there", async () => {
  const { server, upstream, iterator } = await setUp(firstOneEvent(() => {}));
  const stream = iterator();
  await stream.next();
  await stream.return?.();
  await eventually(() => server.calls[0]!.resetWith === 8, "the service is told CANCEL");
  expect(openStreams(upstream)).toBe(0);
  expect(serviceCalls(upstream.metrics)).toEqual({ "orchestrator WatchProposals CANCELLED": 1 });
});

test("R-10: a service is told who asks, where to go on, and until when it may go on", async () => {
  const { server, watch } = await setUp(firstOneEvent(endWith(0)));
  await readAll(watch());
  const { headers } = server.calls[0]!;
  expect(headers).toMatchObject({
    ":path": "/platform.orchestrator.v1.OrchestratorService/WatchProposals",
    "x-request-id": "req-7",
  });
  const timeoutMs = Number(/^(\d+)m$/.exec(String(headers["grpc-timeout"]))?.[1]);
  expect(timeoutMs).toBeGreaterThan(LONGEST_STREAM_MS);
  expect(timeoutMs).toBeLessThanOrEqual(LONGEST_STREAM_MS + 10_000);
});

test("streams leave the service's connection to its calls: theirs is another one", async () => {
  const { server, upstream, iterator } = await setUp((stream, connection) => {
    firstOneEvent(hang)(stream, connection);
  });
  const open = Array.from({ length: 20 }, iterator);
  for (const stream of open) await stream.next();
  expect(server.connectionCount()).toBe(1);
  await server.limitStreams(20);
  server.misbehaveOnce(refuse(5, "no such task"));
  const call = upstream.platform.orchestrator.startMatching({ taskId: "tsk_a" }, callContext());
  expect((await gatewayErrorOf(call)).errorCode).toBe("NOT_FOUND");
  expect(server.connectionCount()).toBe(2);
});

test("a stream beyond what a connection takes gets another one: it would wait in silence", async () => {
  const { server, iterator } = await setUp(firstOneEvent(() => {}));
  const first = iterator();
  await first.next();
  await server.limitStreams(100);
  const open = Array.from({ length: 100 }, iterator);
  for (const stream of open) expect((await stream.next()).value?.eventId).toBe("1");
  expect(server.connectionCount()).toBe(2);
  // A place that is left is taken again.
  await first.return?.();
  await eventually(() => server.calls[0]!.resetWith === 8, "it is left");
  expect((await iterator().next()).value?.eventId).toBe("1");
  expect(server.connectionCount()).toBe(2);
});

test("a service that is left alone gets no stream either", async () => {
  const server = await startMisbehavingGrpcServer();
  server.misbehave(refuse(14, "draining"));
  const { platform, metrics } = openUpstream(server.url, { breaker: { ...DEFAULT_BREAKER_OPTIONS, openMs: 60_000 } });
  const fail = async () => (await readAll(platform.orchestrator.watchProposals({}, callContext()))).failure!;
  for (let n = 0; n < DEFAULT_BREAKER_OPTIONS.failureThreshold; n++)
    expect(outline(await fail())[0]).toBe("SERVICE_UNAVAILABLE");
  expect((await fail()).errorCode).toBe("CIRCUIT_BREAKER_OPEN");
  const { failureThreshold } = DEFAULT_BREAKER_OPTIONS;
  expect(server.calls).toHaveLength(failureThreshold);
  // As of other calls: who is refused is counted, too.
  expect(serviceCalls(metrics)).toEqual({ "orchestrator WatchProposals UNAVAILABLE": failureThreshold + 1 });
});

test("R-04: a silent stream that finds a service back says so, and keeps nobody from asking", async () => {
  const server = await startMisbehavingGrpcServer();
  server.misbehave(refuse(14, "draining"));
  const shortly = { ...DEFAULT_BREAKER_OPTIONS, openMs: 50, maxOpenMs: 50 };
  const { platform, breakers } = openUpstream(server.url, { breaker: shortly });
  const { failureThreshold } = DEFAULT_BREAKER_OPTIONS;
  for (let n = 0; n < failureThreshold; n++) await readAll(platform.orchestrator.watchProposals({}, callContext()));
  expect(breakers.orchestrator.kind()).toBe("open");
  server.misbehave(hangAfterHeaders);
  await eventually(() => {
    const leaving = new AbortController();
    onTestFinished(() => leaving.abort());
    const context = callContext({ signal: leaving.signal });
    if (server.calls.length === failureThreshold) void readAll(platform.orchestrator.watchProposals({}, context));
    return breakers.orchestrator.kind() === "closed";
  }, "the breaker is closed");
  expect(server.calls).toHaveLength(failureThreshold + 1);
});

test("nobody's stream is nobody's rejection: one that was never read makes no call", async () => {
  const { server, watch } = await setUp(hang);
  const unread = vi.fn();
  process.once("unhandledRejection", unread);
  watch();
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.off("unhandledRejection", unread);
  expect([server.calls.length, unread.mock.calls.length]).toEqual([0, 0]);
});
