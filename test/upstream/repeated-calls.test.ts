import { constants } from "node:http2";
import { describe, expect, test } from "vitest";
import { freePort } from "#platform/net/free-port.ts";
import {
  answerWell,
  type Behaviour,
  dropConnection,
  GOOD_USER_ID,
  goAwayDuringCall,
  hang,
  type MisbehavingGrpcServer,
  proxyAnswer,
  refuse,
  resetStream,
  startMisbehavingGrpcServer,
} from "../support/misbehaving-grpc-server.ts";
import {
  callContext,
  eventually,
  gatewayErrorOf,
  openUpstream,
  outline,
  serviceCalls,
  type Upstream,
} from "../support/upstream.ts";

// The same rules as in retries.test.ts, over real sockets.

const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM, NGHTTP2_CANCEL } = constants;
const UNAVAILABLE = 14;

async function open(): Promise<{ server: MisbehavingGrpcServer; upstream: Upstream }> {
  const server = await startMisbehavingGrpcServer();
  const upstream = openUpstream(server.url);
  await upstream.platform.users.getUser({ userId: "usr_a" }, callContext());
  return { server, upstream };
}

/** The calls after the first, which only opens the connection: by method. */
function methodsSeen({ calls }: MisbehavingGrpcServer): string[] {
  return calls.slice(1).map(({ headers }) => String(headers[":path"]).replace(/^.*\//, ""));
}

const read = ({ platform }: Upstream) => platform.users.getUser({ userId: "usr_a" }, callContext());
const write = ({ platform }: Upstream) => platform.users.createUser({ email: "ada@example.org" }, callContext());

describe("a read that fails once is answered all the same", () => {
  test.each<[what: string, behave: Behaviour]>([
    ["UNAVAILABLE", refuse(UNAVAILABLE, "warming up")],
    ["a proxy without an endpoint", proxyAnswer(503)],
    ["a dropped connection", dropConnection],
    ["REFUSED_STREAM", resetStream(NGHTTP2_REFUSED_STREAM)],
    ["GOAWAY that has not seen the call", goAwayDuringCall(NGHTTP2_NO_ERROR, { lastStreamId: 1 })],
    ["GOAWAY, and the connection's end", goAwayDuringCall(NGHTTP2_NO_ERROR, { lastStreamId: 3 })],
  ])("%s", async (_what, behave) => {
    const { server, upstream } = await open();
    server.misbehaveOnce(behave);
    expect((await read(upstream)).user?.userId).toBe(GOOD_USER_ID);
    expect(methodsSeen(server)).toEqual(["GetUser", "GetUser"]);
    expect(serviceCalls(upstream.metrics), "one call, however many attempts").toEqual({
      "user-service GetUser OK": 2,
    });
  });
});

describe("a write that fails once", () => {
  test.each<[what: string, behave: Behaviour]>([
    ["refused", resetStream(NGHTTP2_REFUSED_STREAM)],
    ["not seen before a GOAWAY", goAwayDuringCall(NGHTTP2_NO_ERROR, { lastStreamId: 1 })],
  ])("%s: nothing happened, so it is made again", async (_what, behave) => {
    const { server, upstream } = await open();
    server.misbehaveOnce(behave);
    expect((await write(upstream)).user?.userId).toBe(GOOD_USER_ID);
    expect(methodsSeen(server)).toEqual(["CreateUser", "CreateUser"]);
  });

  test.each<[what: string, behave: Behaviour]>([
    ["UNAVAILABLE", refuse(UNAVAILABLE, "I stored it and then fell over")],
    ["a dropped connection", dropConnection],
    ["GOAWAY, and the connection's end", goAwayDuringCall(NGHTTP2_NO_ERROR, { lastStreamId: 3 })],
    ["a stream that is reset", resetStream(NGHTTP2_CANCEL)],
  ])("%s: it may be done, so the client is told", async (_what, behave) => {
    const { server, upstream } = await open();
    server.misbehaveOnce(behave);
    await gatewayErrorOf(write(upstream));
    expect(methodsSeen(server)).toEqual(["CreateUser"]);
  });
});

test("a service that refuses every stream is 503, after three attempts", async () => {
  const { server, upstream } = await open();
  server.misbehave(resetStream(NGHTTP2_REFUSED_STREAM));
  expect(outline(await gatewayErrorOf(write(upstream)))).toEqual(["SERVICE_UNAVAILABLE", 503, 2]);
  expect(methodsSeen(server)).toHaveLength(3);
});

test("a port that nobody listens on is tried twice, also for a write: nothing was sent", async () => {
  const upstream = openUpstream(`http://127.0.0.1:${await freePort()}`);
  expect(outline(await gatewayErrorOf(write(upstream)))).toEqual(["SERVICE_UNAVAILABLE", 503, 2]);
  expect(upstream.metrics.render()).toContain(
    'gateway_upstream_retries_total{service="user-service",method="CreateUser",reason="unreachable"} 1\n',
  );
});

test("a push-back is kept, whatever it says", async () => {
  const { server, upstream } = await open();
  server.misbehaveOnce(refuse(UNAVAILABLE, "not now", { "grpc-retry-pushback-ms": "-1" }));
  await gatewayErrorOf(read(upstream));
  server.misbehaveOnce(refuse(UNAVAILABLE, "soon", { "grpc-retry-pushback-ms": "300" }));
  await read(upstream);
  expect(methodsSeen(server)).toEqual(["GetUser", "GetUser", "GetUser"]);
  const [, , refusedAt, againAt] = server.calls.map(({ receivedAtMs }) => receivedAtMs);
  // Two clocks that tick apart, so some slack below.
  expect(againAt! - refusedAt!).toBeGreaterThanOrEqual(290);
});

test("R-08: a service that answers UNAVAILABLE to all sees at most 1.15 attempts a request", async () => {
  const { server, upstream } = await open();
  server.misbehave(refuse(UNAVAILABLE, "no"));
  const requests = 200;
  for (let n = 0; n < requests; n += 20) {
    await Promise.all(Array.from({ length: 20 }, () => gatewayErrorOf(read(upstream))));
  }
  expect(methodsSeen(server).length / requests).toBeLessThanOrEqual(1.15);
});

test("R-07: a service that restarts again and again under traffic: no read fails, and no write arrives twice", async () => {
  const { server, upstream } = await open();
  const { users } = upstream.platform;
  // Calls are under way when the connection is told to go.
  server.misbehave((stream, connection) => setImmediate(() => answerWell(stream, connection)));
  const rounds = 400;
  let failedWrites = 0;
  const client = async (name: string) => {
    for (let n = 0; n < rounds; n++) {
      if (name === "client-0" && n % 10 === 0) server.restart();
      await users.getUser({ userId: "usr_a" }, callContext({ requestId: `${name}-read-${n}` }));
      const request = { email: `${name}-${n}@example.org` };
      await users.createUser(request, callContext({ requestId: `${name}-write-${n}` })).catch(() => failedWrites++);
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, index) => client(`client-${index}`)));
  const arrived = server.calls.map(({ headers }) => String(headers["x-request-id"])).filter((id) => /write/.test(id));
  expect(new Set(arrived).size).toBe(arrived.length);
  expect(server.connectionCount(), "it did restart").toBeGreaterThan(20);
  expect(failedWrites, "a restart that lets calls end costs no write either").toBe(0);
});

describe("R-10: one deadline for all attempts", () => {
  test("the second attempt is told what the first has left", async () => {
    const { server, upstream } = await open();
    server.misbehaveOnce(refuse(UNAVAILABLE, "soon", { "grpc-retry-pushback-ms": "200" }));
    await upstream.platform.users.getUser({ userId: "usr_a" }, callContext({ deadlineAtMs: Date.now() + 3_000 }));
    const [, first, second] = server.calls.map(({ headers }) => Number.parseInt(String(headers["grpc-timeout"]), 10));
    expect(first).toBeLessThanOrEqual(3_000);
    expect(second).toBeLessThanOrEqual(first! - 190);
  });

  test("an rpc's own timeout bounds them together too", async () => {
    const { server, upstream } = await open();
    server.misbehaveOnce(refuse(UNAVAILABLE, "soon", { "grpc-retry-pushback-ms": "300" }));
    await read(upstream);
    const [, , second] = server.calls.map(({ headers }) => Number.parseInt(String(headers["grpc-timeout"]), 10));
    expect(second).toBeLessThanOrEqual(5_000 - 290);
  });

  test("a service that fails, and then hangs, is given up at the deadline", async () => {
    const { server, upstream } = await open();
    server.misbehaveOnce((stream, connection) => {
      server.misbehaveOnce(hang);
      refuse(UNAVAILABLE, "no")(stream, connection);
    });
    const started = performance.now();
    const context = callContext({ deadlineAtMs: Date.now() + 500 });
    const error = await gatewayErrorOf(upstream.platform.users.getUser({ userId: "usr_a" }, context));
    expect(outline(error)).toEqual(["DEADLINE_EXCEEDED", 504]);
    expect(performance.now() - started).toBeGreaterThan(400);
    await eventually(() => server.calls[2]!.resetWith !== undefined, "the service is told to stop");
  });

  test("a client that leaves during the second attempt cancels it", async () => {
    const { server, upstream } = await open();
    server.misbehaveOnce((stream, connection) => {
      server.misbehaveOnce(hang);
      refuse(UNAVAILABLE, "no")(stream, connection);
    });
    const client = new AbortController();
    const context = callContext({ signal: client.signal });
    const call = gatewayErrorOf(upstream.platform.users.getUser({ userId: "usr_a" }, context));
    await eventually(() => server.calls.length === 3, "the second attempt arrives");
    client.abort();
    expect(outline(await call)).toEqual(["CANCELLED", 499]);
    await eventually(() => server.calls[2]!.resetWith === NGHTTP2_CANCEL, "the service sees the cancel");
  });
});
