import { getEventListeners } from "node:events";
import { constants, type Http2Session } from "node:http2";
import type { Socket } from "node:net";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, test, vi } from "vitest";
import { failureKindOf } from "#src/upstream/failure-kind.ts";
import {
  answer,
  type Behaviour,
  envelope,
  goodEnvelope,
  hang,
  hangAfterHeaders,
  hangInMessage,
  type MisbehavingGrpcServer,
  startMisbehavingGrpcServer,
} from "../../support/misbehaving-grpc-server.ts";
import { startRawServer } from "../../support/raw-server.ts";
import { call, openConnects, openOurs, type UnaryUnderTest } from "../../support/unary-transports.ts";

const { NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_ENHANCE_YOUR_CALM } = constants;
const SEEN = 2 ** 31 - 1;

interface Phase {
  readonly behave: Behaviour;
  readonly request?: { readonly userId: string };
}

const PHASES: Readonly<Record<string, Phase>> = {
  "while the request is written": {
    behave: (stream) => stream.pause(),
    request: { userId: "x".repeat(8 * 1_048_576) },
  },
  "before headers": { behave: hang },
  "after headers": { behave: hangAfterHeaders },
  "in a message": { behave: hangInMessage },
  "after a message": {
    behave: (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.write(goodEnvelope);
    },
  },
};

type End = (connection: { session: Http2Session; socket: Socket }, under: UnaryUnderTest) => void;

const ENDS: Readonly<Record<string, End>> = {
  "the socket closes": ({ socket }) => socket.destroy(),
  "the socket ends": ({ socket }) => socket.end(),
  "the socket is reset": ({ socket }) => socket.resetAndDestroy(),
  "the session is destroyed": ({ session }) => session.destroy(),
  "the session fails": ({ session }) => session.destroy(undefined, NGHTTP2_INTERNAL_ERROR),
  "GOAWAY, unseen, and the end": ({ session, socket }) => {
    session.goaway(NGHTTP2_NO_ERROR, 1);
    setImmediate(() => socket.end());
  },
  "GOAWAY, seen, and the end": ({ session, socket }) => {
    session.goaway(NGHTTP2_NO_ERROR, SEEN);
    setImmediate(() => socket.end());
  },
  "GOAWAY for too much": ({ session }) => session.goaway(NGHTTP2_ENHANCE_YOUR_CALM, SEEN),
  "bytes that are no HTTP/2": ({ socket }) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
  "we close": (_connection, { sessions }) => sessions.abort(),
};

/** Answers one call well, lets the next come to the phase, and ends the session there. */
async function endIn(
  { behave, request }: Phase,
  end: End,
  open: (url: string) => UnaryUnderTest,
): Promise<{ error: unknown; signal: AbortSignal; under: UnaryUnderTest; server: MisbehavingGrpcServer }> {
  const server = await startMisbehavingGrpcServer();
  const under = open(server.url);
  await call(under);
  const { signal } = new AbortController();
  const reached = Promise.withResolvers<Parameters<Behaviour>[1]>();
  server.misbehaveOnce((stream, connection) => {
    behave(stream, connection);
    // A PING that comes back has seen all that went before it arrive.
    setImmediate(() => connection.session.ping(() => reached.resolve(connection)));
  });
  const failed = call(under, { signal, ...(request === undefined ? {} : { input: request }) }).catch((error) => error);
  end(await reached.promise, under);
  return { error: await failed, signal, under, server };
}

/** What the retries and our client go by. */
function summary(error: unknown): object {
  expect(error).toBeInstanceOf(ConnectError);
  const { isWireError, code, rawMessage } = error as ConnectError;
  return { isWireError, code, rawMessage, kind: failureKindOf(error) };
}

describe.each(Object.entries(PHASES))("the session ends %s", (_when, phase) => {
  test.each(Object.entries(ENDS))("%s: the call fails as Connect's does, and the next is well", async (_how, end) => {
    const ours = await endIn(phase, end, openOurs);
    const connects = await endIn(phase, end, openConnects);
    expect(summary(ours.error)).toEqual(summary(connects.error));
    expect(summary(ours.error)).toMatchObject({ isWireError: false });
    expect(getEventListeners(ours.signal, "abort")).toEqual([]);
    // The first call after it may still find the old session on its way out.
    await call(ours.under).catch(() => {});
    await call(ours.under);
    expect(ours.server.connectionCount()).toBe(2);
  });
});

test.each(Object.entries(ENDS).filter(([how]) => !how.startsWith("bytes")))(
  "a call that waits for its turn, and %s",
  async (_how, end) => {
    const server = await startMisbehavingGrpcServer();
    const under = openOurs(server.url);
    await call(under);
    await server.limitStreams(1);
    const reached = Promise.withResolvers<Parameters<Behaviour>[1]>();
    server.misbehaveOnce((_stream, connection) => reached.resolve(connection));
    const { signal } = new AbortController();
    const both = Promise.allSettled([call(under, { signal }), call(under, { signal })]);
    end(await reached.promise, under);
    for (const settled of await both) {
      expect(settled.status).toBe("rejected");
      expect(summary((settled as PromiseRejectedResult).reason)).toMatchObject({ isWireError: false });
    }
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(server.calls, "the second was never sent").toHaveLength(2);
  },
);

test("a connection that breaks before it is made", async () => {
  const raw = await startRawServer((socket) => void socket.once("data", () => socket.destroy()));
  const under = openOurs(`https://127.0.0.1:${raw.port}`);
  const { signal } = new AbortController();
  const calls = await Promise.allSettled([call(under, { signal }), call(under, { signal })]);
  for (const settled of calls)
    expect(summary((settled as PromiseRejectedResult).reason)).toMatchObject({ isWireError: false });
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("whoever answers is not asked by PING: the session manager hears of every piece", async () => {
  const server = await startMisbehavingGrpcServer();
  const under = openOurs(server.url);
  const heard = vi.spyOn(under.sessions, "notifyResponseByteRead");
  server.misbehaveOnce(
    answer({ body: envelope(Buffer.concat([Buffer.from([0x7a, 0x80, 0xea, 0x30]), Buffer.alloc(800_000)])) }),
  );
  await call(under);
  // Frames of 16 KiB.
  expect(heard.mock.calls.length).toBeGreaterThan(40);
});

test("a session that is closed at any moment of a call", async () => {
  const server = await startMisbehavingGrpcServer();
  const under = openOurs(server.url);
  for (let n = 0; n < 20; n++) {
    await call(under);
    const ended = call(under).then(
      () => ({ isWireError: false }),
      (error: unknown) => summary(error),
    );
    for (let turn = 0; turn < n % 10; turn++) await (turn < 5 ? null : new Promise(setImmediate));
    under.sessions.abort();
    expect(await ended).toMatchObject({ isWireError: false });
  }
  await call(under);
});
