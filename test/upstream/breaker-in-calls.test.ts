import { describe, expect, test } from "vitest";
import { DEFAULT_BREAKER_OPTIONS } from "#src/upstream/breaker.ts";
import type { CreateBreaker, Decision } from "#src/upstream/breakers.ts";
import {
  answerWell,
  type Behaviour,
  hang,
  type MisbehavingGrpcServer,
  refuse,
  startMisbehavingGrpcServer,
} from "../support/misbehaving-grpc-server.ts";
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
import { parsePrometheusText } from "../telemetry/prometheus-text.ts";

const { failureThreshold, openMs } = DEFAULT_BREAKER_OPTIONS;

/** A service that always does the same, and clients of it whose clock a test sets. */
async function setUp(behave: Behaviour) {
  const server = await startMisbehavingGrpcServer();
  server.misbehave(behave);
  let nowMs = Date.now();
  const upstream = openUpstream(server.url, { breaker: DEFAULT_BREAKER_OPTIONS, now: () => nowMs });
  const call = () =>
    upstream.platform.users.getUser({ userId: "usr_a" }, callContext({ deadlineAtMs: nowMs + PLENTY_MS }));
  const advance = (ms: number) => {
    nowMs += ms;
  };
  return { server, upstream, call, advance };
}

/** It asks not to be called again, so that a call is one attempt. */
const unavailable = refuse(14, "draining", { "grpc-retry-pushback-ms": "-1" });

describe("a service that fails is left alone", () => {
  test("after so many failures calls are refused at once: 503 with Retry-After, and the service hears of none", async () => {
    const { server, upstream, call } = await setUp(unavailable);
    for (let n = 0; n < failureThreshold; n++) {
      expect(outline(await gatewayErrorOf(call()))).toEqual(["SERVICE_UNAVAILABLE", 503, 2]);
    }
    for (let n = 0; n < 10; n++) {
      expect(outline(await gatewayErrorOf(call()))).toEqual(["CIRCUIT_BREAKER_OPEN", 503, 1]);
    }
    expect(server.calls).toHaveLength(failureThreshold);
    expect(serviceCalls(upstream.metrics)).toEqual({ "user-service GetUser UNAVAILABLE": failureThreshold + 10 });
  });

  test("one dead service shuts no other", async () => {
    const { upstream, call } = await setUp(unavailable);
    for (let n = 0; n < failureThreshold; n++) await gatewayErrorOf(call());
    expect(Object.entries(upstream.breakers).map(([key, breaker]) => `${key} ${breaker.kind()}`)).toEqual([
      "users open",
      "tasks closed",
      "recommendation closed",
      "orchestrator closed",
    ]);
  });

  test("R-03 while it is open the service sees one probe for each open time, which doubles up to its most", async () => {
    const { server, call, advance } = await setUp(unavailable);
    for (let n = 0; n < failureThreshold; n++) await gatewayErrorOf(call());
    let opened = openMs;
    for (let probes = 1; probes <= 8; probes++) {
      // Less than any jitter makes of it: too early, however often somebody asks.
      advance(opened / 2 - 1);
      for (let n = 0; n < 20; n++) expect((await gatewayErrorOf(call())).errorCode).toBe("CIRCUIT_BREAKER_OPEN");
      expect(server.calls).toHaveLength(failureThreshold + probes - 1);
      advance(opened / 2 + 1);
      const codes = await Promise.all(Array.from({ length: 20 }, async () => (await gatewayErrorOf(call())).errorCode));
      expect(codes.filter((code) => code === "SERVICE_UNAVAILABLE")).toHaveLength(1);
      expect(server.calls).toHaveLength(failureThreshold + probes);
      opened = Math.min(2 * opened, DEFAULT_BREAKER_OPTIONS.maxOpenMs);
    }
  });

  test("R-08 a service that says UNAVAILABLE for half a minute is asked far less often than the clients ask", async () => {
    const { server, call, advance } = await setUp(unavailable);
    const requests = 1_500;
    for (let n = 0; n < requests; n++) {
      expect((await gatewayErrorOf(call())).status).toBe(503);
      advance(20);
    }
    expect(server.calls.length / requests).toBeLessThan(0.05);
  });

  test("Retry-After is when it will try again, in whole seconds, rounded up", async () => {
    const { call, advance, upstream } = await setUp(unavailable);
    for (let n = 0; n < failureThreshold; n++) await gatewayErrorOf(call());
    for (let n = 0; n < 5; n++) {
      advance(DEFAULT_BREAKER_OPTIONS.maxOpenMs);
      await gatewayErrorOf(call());
    }
    const openFor = upstream.log.filter(({ open_ms }) => open_ms !== undefined).map(({ open_ms }) => Number(open_ms));
    const { retryAfterSeconds } = await gatewayErrorOf(call());
    expect(retryAfterSeconds).toBe(Math.ceil(openFor.at(-1)! / 1000));
    expect(retryAfterSeconds).toBeGreaterThan(8);
  });

  test("R-04 a service that is back sees at most two calls before the first success, and is not shut again", async () => {
    const { server, upstream, call, advance } = await setUp(unavailable);
    for (let n = 0; n < failureThreshold; n++) await gatewayErrorOf(call());
    server.misbehave(answerWell);
    advance(openMs);
    const before = server.calls.length;
    const first = await Promise.allSettled(Array.from({ length: 100 }, call));
    expect(first.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(server.calls.length - before).toBe(1);
    await Promise.all(Array.from({ length: 100 }, call));
    expect(upstream.log.map(({ message }) => message)).toEqual([
      "the circuit breaker is open",
      "the circuit breaker is half-open",
      "the circuit breaker is closed",
    ]);
  });

  test("R-05 a flapping service is tried no more often than the open time allows, and used while it is up", async () => {
    const { server, upstream, call, advance } = await setUp(answerWell);
    let well = 0;
    // 2 s up, 2 s down, 20 calls a second, for two minutes.
    for (let tick = 0; tick < 2_400; tick++) {
      server.misbehave(Math.floor(tick / 40) % 2 === 0 ? answerWell : unavailable);
      await call().then(
        () => well++,
        () => {},
      );
      advance(50);
    }
    expect(well / server.calls.length, "of the calls that reach it").toBeGreaterThanOrEqual(0.4);
    const openedAtMs = upstream.log
      .filter(({ message }) => message === "the circuit breaker is open")
      .map(({ timestamp }) => Date.parse(String(timestamp)));
    const gaps = openedAtMs.slice(1).map((atMs, index) => atMs - openedAtMs[index]!);
    expect(gaps.length).toBeGreaterThan(10);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(openMs / 2);
  });
});

describe("what a change shows", () => {
  test("in the metric, and as a line in the log: a warning when it opens", async () => {
    const { server, upstream, call, advance } = await setUp(unavailable);
    const state = () =>
      parsePrometheusText(upstream.metrics.render())
        .flatMap(({ samples }) => samples)
        .find(({ name, labels }) => name === "gateway_circuit_breaker_state" && labels.service === "user-service")
        ?.value;
    expect(state()).toBe(0);
    for (let n = 0; n < failureThreshold; n++) await gatewayErrorOf(call());
    expect(state()).toBe(1);
    advance(openMs);
    server.misbehave(hang);
    const probe = call();
    await eventually(() => server.calls.length === failureThreshold + 1, "the probe arrives");
    expect(state()).toBe(2);
    answerWell(server.streams.at(-1)!, undefined as never);
    await probe;
    expect(state()).toBe(0);
    expect(upstream.log).toMatchObject([
      { level: "warn", upstream: "user-service", from: "closed", open_ms: expect.any(Number) },
      { level: "info", upstream: "user-service", from: "open" },
      { level: "info", upstream: "user-service", from: "half-open" },
    ]);
  });
});

describe("what a client causes opens nothing", () => {
  test("clients that go away in the middle of their calls", async () => {
    const { server, upstream } = await setUp(hang);
    for (let n = 0; n < 3 * failureThreshold; n++) {
      const client = new AbortController();
      const call = upstream.platform.users.getUser({ userId: "usr_a" }, callContext({ signal: client.signal }));
      await eventually(() => server.calls.length === n + 1, "the call arrives");
      client.abort();
      expect((await gatewayErrorOf(call)).errorCode).toBe("CANCELLED");
    }
    expect(upstream.breakers.users.kind()).toBe("closed");
  });

  test("deadlines that are shorter than the call's own", async () => {
    const server = await startMisbehavingGrpcServer();
    server.misbehave(hang);
    const { create, outcomes } = recordingBreaker();
    const { platform } = openUpstream(server.url, { createBreaker: create });
    const short = () =>
      gatewayErrorOf(platform.users.getUser({ userId: "usr_a" }, callContext({ deadlineAtMs: Date.now() + 50 })));
    expect((await short()).errorCode).toBe("DEADLINE_EXCEEDED");
    expect(outcomes).toEqual(["neutral"]);
  });

  test("a request that has no time left when it comes to the call", async () => {
    const server = await startMisbehavingGrpcServer();
    const { create, outcomes } = recordingBreaker();
    const { platform } = openUpstream(server.url, { createBreaker: create });
    await gatewayErrorOf(platform.users.getUser({ userId: "usr_a" }, callContext({ deadlineAtMs: Date.now() - 1 })));
    expect(outcomes).toEqual(["neutral"]);
    expect(server.calls).toHaveLength(0);
  });
});

describe("in-flight calls have a limit", () => {
  const MOST = 3;

  async function fill(server: MisbehavingGrpcServer, upstream: Upstream) {
    server.misbehave(hang);
    const client = new AbortController();
    const call = () =>
      gatewayErrorOf(upstream.platform.users.getUser({ userId: "usr_a" }, callContext({ signal: client.signal })));
    const under = Array.from({ length: MOST }, call);
    await eventually(() => server.calls.length === MOST, "all of them arrive");
    return { client, under };
  }

  test("R-02 the next one is 503 at once, comes back in a second, and is no failure of the service", async () => {
    const server = await startMisbehavingGrpcServer();
    const { create, outcomes } = recordingBreaker();
    const upstream = openUpstream(server.url, { createBreaker: create, maxInFlight: MOST });
    const { client, under } = await fill(server, upstream);
    const over = await gatewayErrorOf(upstream.platform.users.getUser({ userId: "usr_a" }, callContext()));
    expect(outline(over)).toEqual(["SERVICE_UNAVAILABLE", 503, 1]);
    expect(over.message).toBe("The user service is busy.");
    expect(outcomes).toEqual(["neutral"]);
    expect(server.calls).toHaveLength(MOST);
    expect(upstream.metrics.render()).toContain('gateway_service_calls_in_flight{service="user-service"} 3');

    // Each call that ends, however it ends, makes room for another.
    client.abort();
    await Promise.all(under);
    server.misbehave(answerWell);
    await upstream.platform.users.getUser({ userId: "usr_a" }, callContext());
    expect(upstream.metrics.render()).toContain('gateway_service_calls_in_flight{service="user-service"} 0');
  });

  test("a service that is full takes no room from another", async () => {
    const server = await startMisbehavingGrpcServer();
    const other = await startMisbehavingGrpcServer();
    other.misbehave(refuse(5, "no such task"));
    const upstream = openUpstream(
      { users: server.url, tasks: other.url, recommendation: other.url, orchestrator: other.url },
      { maxInFlight: MOST },
    );
    const { client, under } = await fill(server, upstream);
    const task = await gatewayErrorOf(upstream.platform.tasks.getTask({ taskId: "tsk_1" }, callContext()));
    expect(task.errorCode).toBe("NOT_FOUND");
    client.abort();
    await Promise.all(under);
  });

  test("an open breaker refuses before there is a slot to take", async () => {
    const server = await startMisbehavingGrpcServer();
    const shut: Decision = { admitted: false, retryAfterMs: 2_001 };
    const create: CreateBreaker = () => ({ admit: () => shut, kind: () => "open" });
    const upstream = openUpstream(server.url, { createBreaker: create, maxInFlight: 1 });
    const errors = await Promise.all(
      Array.from({ length: 5 }, () =>
        gatewayErrorOf(upstream.platform.users.getUser({ userId: "usr_a" }, callContext())),
      ),
    );
    expect(errors.map(outline)).toEqual(Array(5).fill(["CIRCUIT_BREAKER_OPEN", 503, 3]));
  });
});
