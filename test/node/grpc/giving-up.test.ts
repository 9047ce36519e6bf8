import { getEventListeners } from "node:events";
import { type ClientHttp2Stream, constants } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Http2SessionManager } from "@connectrpc/connect-node";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { TaskService } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { createGrpcUnary } from "#src/node/grpc/grpc-unary.ts";
import {
  answerWell,
  type Behaviour,
  goodEnvelope,
  hang,
  hangAfterHeaders,
  hangInMessage,
  refuse,
  startMisbehavingGrpcServer,
} from "../../support/misbehaving-grpc-server.ts";
import { startRawServer } from "../../support/raw-server.ts";
import { call, openOurs, READ_MAX_BYTES, type UnaryUnderTest } from "../../support/unary-transports.ts";
import { eventually, PLENTY_MS } from "../../support/upstream.ts";

const { NGHTTP2_CANCEL } = constants;

/** Ours, and every stream that it has had. */
function openWatched(url: string): UnaryUnderTest & { readonly streams: ClientHttp2Stream[] } {
  const { sessions } = openOurs(url);
  const streams: ClientHttp2Stream[] = [];
  const watched = {
    request: async (...args: Parameters<Http2SessionManager["request"]>) => {
      const stream = await sessions.request(...args);
      streams.push(stream);
      return stream;
    },
    notifyResponseByteRead: (stream: ClientHttp2Stream) => sessions.notifyResponseByteRead(stream),
  };
  return {
    unary: createGrpcUnary({ baseUrl: url, readMaxBytes: READ_MAX_BYTES, sessions: watched }),
    sessions,
    streams,
  };
}

/** The deadlines that are still to come. */
function watchTimers(timeoutMs: number): () => number {
  const set = vi.spyOn(globalThis, "setTimeout");
  const cleared = vi.spyOn(globalThis, "clearTimeout");
  onTestFinished(() => {
    set.mockRestore();
    cleared.mockRestore();
  });
  return () => {
    const gone = new Set(cleared.mock.calls.map(([timer]) => timer));
    return set.mock.results.filter(({ value }, n) => set.mock.calls[n]![1] === timeoutMs && !gone.has(value)).length;
  };
}

const PHASES: readonly (readonly [when: string, behave: Behaviour])[] = [
  ["before headers", hang],
  ["after headers", hangAfterHeaders],
  ["in a message", hangInMessage],
  ["after a message", hangAfterMessage],
];

function hangAfterMessage(stream: Parameters<Behaviour>[0]): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.write(goodEnvelope);
}

describe.each(PHASES)("%s", (_when, behave) => {
  test("the caller's signal ends the call and the stream at once", async () => {
    const server = await startMisbehavingGrpcServer();
    const under = openWatched(server.url);
    const openTimers = watchTimers(PLENTY_MS);
    server.misbehaveOnce(behave);
    const caller = new AbortController();
    const failed = call(under, { signal: caller.signal }).catch((error: unknown) => error);
    await eventually(() => server.calls.length === 1, "the call arrives");
    expect(openTimers()).toBe(1);

    caller.abort();
    const [stream] = under.streams;
    expect([stream!.closed, stream!.rstCode], "in the same tick").toEqual([true, NGHTTP2_CANCEL]);
    const error = await failed;
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ code: Code.Canceled, rawMessage: "This operation was aborted", isWireError: false });
    expect(getEventListeners(caller.signal, "abort")).toEqual([]);
    expect(openTimers()).toBe(0);
    await eventually(() => server.calls[0]!.resetWith === NGHTTP2_CANCEL, "the service hears of it");
  });

  test("so does the deadline", async () => {
    const server = await startMisbehavingGrpcServer();
    const under = openWatched(server.url);
    server.misbehaveOnce(behave);
    const { signal } = new AbortController();
    const error = await call(under, { signal, timeoutMs: 200 }).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: Code.DeadlineExceeded, rawMessage: "the operation timed out" });
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await eventually(() => server.calls[0]!.resetWith === NGHTTP2_CANCEL, "the service hears of it");
  });
});

test("a call that is answered is not given up, whatever its signal does later", async () => {
  const server = await startMisbehavingGrpcServer();
  const under = openWatched(server.url);
  const caller = new AbortController();
  await call(under, { signal: caller.signal });
  server.misbehaveOnce(refuse(5, "no"));
  await expect(call(under, { signal: caller.signal })).rejects.toMatchObject({ code: Code.NotFound });
  caller.abort();
  await eventually(() => under.streams.every(({ destroyed }) => destroyed), "the streams are gone");
  expect(under.streams.map(({ rstCode }) => rstCode)).toEqual([0, 0]);
});

test("an answer that comes before all is sent ends the sending", async () => {
  const server = await startMisbehavingGrpcServer();
  const under = openWatched(server.url);
  await call(under);
  server.misbehaveOnce((stream, connection) => {
    stream.pause();
    answerWell(stream, connection);
  });
  await call(under, { input: { userId: "x".repeat(1_000_000) } });
  await eventually(() => server.calls[1]!.resetWith === NGHTTP2_CANCEL, "the service hears of it");
  await call(under);
});

test("the reason of the signal is the error, as Connect has it", async () => {
  const server = await startMisbehavingGrpcServer();
  server.misbehave(hang);
  const reasons = [new TypeError("terminated"), "enough", new ConnectError("busy", Code.Unavailable)] as const;
  const errors = reasons.map((reason) => call(openOurs(server.url), { signal: abortLater(reason) }).catch((e) => e));
  expect(await Promise.all(errors)).toMatchObject([
    { code: Code.Canceled, rawMessage: "terminated", cause: reasons[0] },
    { code: Code.Canceled, rawMessage: "enough" },
    { code: Code.Unavailable, rawMessage: "busy" },
  ]);
});

function abortLater(reason: unknown): AbortSignal {
  const caller = new AbortController();
  setImmediate(() => caller.abort(reason));
  return caller.signal;
}

describe("before there is a stream", () => {
  test("a signal that has fired: nothing is sent", async () => {
    const server = await startMisbehavingGrpcServer();
    const under = openWatched(server.url);
    const signal = AbortSignal.abort();
    await expect(call(under, { signal })).rejects.toMatchObject({ code: Code.Canceled });
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await call(under);
    expect([under.streams.length, server.calls.length]).toEqual([1, 1]);
  });

  test("a stream that comes too late is told to go", async () => {
    const server = await startMisbehavingGrpcServer();
    const under = openWatched(server.url);
    const openTimers = watchTimers(PLENTY_MS);
    server.misbehave(hang);
    const caller = new AbortController();
    const failed = expect(call(under, { signal: caller.signal })).rejects.toMatchObject({ code: Code.Canceled });
    caller.abort();
    await failed;
    expect([under.streams.length, openTimers(), getEventListeners(caller.signal, "abort").length]).toEqual([0, 0, 0]);
    await eventually(() => under.streams.length === 1, "the connection is made");
    await eventually(() => under.streams[0]!.destroyed, "the stream is gone");
    server.misbehave(answerWell);
    await call(under);
  });

  test("no connection at all: the deadline and the signal count all the same", async () => {
    // A TLS handshake that never ends.
    const raw = await startRawServer(() => {});
    const under = openWatched(`https://127.0.0.1:${raw.port}`);
    const caller = new AbortController();
    const given = call(under, { signal: caller.signal }).catch((error: unknown) => error);
    const late = call(under, { timeoutMs: 100 }).catch((error: unknown) => error);
    expect(await late).toMatchObject({ code: Code.DeadlineExceeded });
    caller.abort();
    expect(await given).toMatchObject({ code: Code.Canceled });
    expect(getEventListeners(caller.signal, "abort")).toEqual([]);
  });

  test("a request that cannot be written", async () => {
    const server = await startMisbehavingGrpcServer();
    const under = openWatched(server.url);
    const openTimers = watchTimers(PLENTY_MS);
    const { signal } = new AbortController();
    const unwritable = under.unary(TaskService.method.listTasks, signal, PLENTY_MS, undefined, { limit: 1.5 });
    await expect(unwritable).rejects.toMatchObject({ code: Code.Internal });
    await expect(call(under, { signal, header: { "x-a": "line\nbreak" } })).rejects.toBeInstanceOf(TypeError);
    // Headers take it, HTTP/2 does not.
    await expect(call(under, { signal, header: { connection: "close" } })).rejects.toMatchObject({
      code: Code.Internal,
    });
    expect([openTimers(), getEventListeners(signal, "abort").length, server.calls.length]).toEqual([0, 0, 0]);
  });
});

test("a thousand calls given up at random moments leave nothing behind", { timeout: 60_000 }, async () => {
  const server = await startMisbehavingGrpcServer();
  const under = openWatched(server.url);
  const openTimers = watchTimers(PLENTY_MS);
  const behaviours = [...PHASES.map(([, behave]) => behave), answerWell, answerWell, answerWell, refuse(5, "no")];
  server.misbehave((...args) => void behaviours[Math.floor(Math.random() * behaviours.length)]!(...args));
  const signals: AbortSignal[] = [];
  const ends = { answered: 0, refused: 0, canceled: 0, other: 0 };
  const give = async (): Promise<void> => {
    const caller = new AbortController();
    signals.push(caller.signal);
    const ended = call(under, { signal: caller.signal }).then(
      () => ends.answered++,
      ({ code }: ConnectError) =>
        ends[code === Code.Canceled ? "canceled" : code === Code.NotFound ? "refused" : "other"]++,
    );
    const moment = Math.random();
    if (moment < 0.1) caller.abort();
    else if (moment < 0.2) queueMicrotask(() => caller.abort());
    else if (moment < 0.3) setImmediate(() => caller.abort());
    else setTimeout(() => caller.abort(), Math.random() * 50);
    await ended;
  };
  let left = 1_000;
  const caller = async (): Promise<void> => {
    while (left-- > 0) await give();
  };
  await Promise.all(Array.from({ length: 40 }, caller));

  expect(ends.other).toBe(0);
  expect(ends.canceled).toBeGreaterThan(100);
  expect(ends.answered + ends.refused, "some are through before").toBeGreaterThan(0);
  expect(signals.flatMap((signal) => getEventListeners(signal, "abort"))).toEqual([]);
  expect(openTimers()).toBe(0);
  await eventually(() => under.streams.every(({ destroyed }) => destroyed), "our streams are gone");
  await eventually(() => server.streams.every(({ destroyed }) => destroyed), "the service's are too");
  expect(under.sessions.state()).toBe("idle");
  server.misbehave(answerWell);
  await call(under);
  expect(server.connectionCount()).toBe(1);
});
