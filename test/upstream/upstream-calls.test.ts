import { describe, expect, test } from "vitest";
import { RecommendationService } from "#gen/platform/matching/v1/matching_pb.ts";
import { OrchestratorService } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { TaskService } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import type { Caller } from "#src/context.ts";
import { callSettingsOf } from "#src/contract/call-policy.ts";
import { startContractServer } from "../support/contract-server.ts";
import { startHttpRecorder } from "../support/http-recorder.ts";
import { GOOD_USER_ID, hang, startMisbehavingGrpcServer } from "../support/misbehaving-grpc-server.ts";
import {
  callContext,
  eventually,
  gatewayErrorOf,
  openUpstream,
  outline,
  PLENTY_MS,
  requestContext,
  serviceCalls,
} from "../support/upstream.ts";

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NOW = 1_800_000_000_000;
const getUser = { userId: "usr_a" };

function caller(role: Role): Caller {
  const times = { issuedAtSeconds: 1, expiresAtSeconds: 2 };
  return { userId: "usr_ada", role, sessionId: "ses_secret", tokenId: "jti_secret", ...times };
}

describe("a call's deadline", () => {
  /** What the service is told, of a request that has until `deadlineAtMs` on a clock that stands still. */
  async function toldTimeout(deadlineAtMs: number): Promise<unknown> {
    const server = await startMisbehavingGrpcServer();
    const { platform } = openUpstream(server.url, { now: () => NOW });
    await platform.users.getUser(getUser, callContext({ deadlineAtMs }));
    return server.calls[0]!.headers["grpc-timeout"];
  }

  test.each([
    [60_000, "5000m", "the rpc's policy, where the request has longer"],
    [5_001, "5000m", "by a millisecond too"],
    [5_000, "5000m", "both alike"],
    [4_999, "4999m", "what is left of the request, where that is less"],
    [1_200.7, "1200m", "in whole milliseconds, never more than is left"],
  ])("with %d ms left is %s: %s", async (leftMs, told) => {
    expect(await toldTimeout(NOW + leftMs)).toBe(told);
  });

  test("with 1 ms left a call is made, and has a limit", async () => {
    const server = await startMisbehavingGrpcServer();
    const { platform } = openUpstream(server.url, { now: () => NOW });
    server.misbehaveOnce(hang);
    const error = await gatewayErrorOf(platform.users.getUser(getUser, callContext({ deadlineAtMs: NOW + 1 })));
    expect(outline(error)).toEqual(["DEADLINE_EXCEEDED", 504]);
  });

  test.each([
    [0, "nothing is left"],
    [-1, "it was over before"],
    [0.4, "less than the protocol can say: 0 would mean no limit at all"],
  ])("with %d ms left no call is made: %s", async (leftMs) => {
    const server = await startMisbehavingGrpcServer();
    const { platform, metrics } = openUpstream(server.url, { now: () => NOW });
    const error = await gatewayErrorOf(platform.users.getUser(getUser, callContext({ deadlineAtMs: NOW + leftMs })));
    expect(outline(error)).toEqual(["DEADLINE_EXCEEDED", 504]);
    expect(error.message).toBe("The user service did not answer in time.");
    expect(serviceCalls(metrics)).toEqual({ "user-service GetUser DEADLINE_EXCEEDED": 1 });
    await platform.users.getUser(getUser, callContext({ deadlineAtMs: NOW + PLENTY_MS }));
    expect(server.calls, "only the second").toHaveLength(1);
  });

  test("the second call of a request is told what the first has left", async () => {
    const server = await startMisbehavingGrpcServer();
    let now = NOW;
    const { platform } = openUpstream(server.url, { now: () => now });
    const context = callContext({ deadlineAtMs: NOW + 4_000 });
    await platform.users.getUser(getUser, context);
    now += 1_500;
    await platform.users.getUser(getUser, context);
    expect(server.calls.map(({ headers }) => headers["grpc-timeout"])).toEqual(["4000m", "2500m"]);
  });

  test("a hang ends at the deadline, not before, and the service is told to stop", async () => {
    const server = await startMisbehavingGrpcServer();
    const { platform } = openUpstream(server.url);
    await platform.users.getUser(getUser, callContext());
    server.misbehaveOnce(hang);
    const started = performance.now();
    const error = await gatewayErrorOf(
      platform.users.getUser(getUser, callContext({ deadlineAtMs: Date.now() + 700 })),
    );
    expect(outline(error)).toEqual(["DEADLINE_EXCEEDED", 504]);
    // Two clocks that tick apart, so some slack below. Above, what was set counts: machines are slow.
    expect(performance.now() - started).toBeGreaterThan(600);
    expect(Number.parseInt(String(server.calls[1]!.headers["grpc-timeout"]), 10)).toBeLessThanOrEqual(700);
    await eventually(() => server.calls[1]!.resetWith !== undefined, "the service sees the end of the call");
  });

  test("grpc-js, too, reads a deadline that is no later than the request's", async () => {
    const server = await startContractServer();
    const { platform } = openUpstream(server.url);
    const deadlineAtMs = Date.now() + 3_000;
    await platform.users.getUser(getUser, callContext({ deadlineAtMs }));
    // The service counts from when the call arrives.
    expect(server.seen[0]!.deadlineAtMs - Date.now()).toBeLessThanOrEqual(3_000);
    expect(server.seen[0]!.deadlineAtMs).toBeGreaterThan(deadlineAtMs - 3_000);
  });

  test("no rpc of the platform may take longer than 5 s without saying why", () => {
    const services = [UserService, TaskService, RecommendationService, OrchestratorService];
    const slow = services.flatMap(({ methods }) =>
      methods.filter((method) => callSettingsOf(method).timeoutMs > 5_000),
    );
    expect(slow.map(String)).toEqual([]);
  });
});

describe("what a service is told beside the request", () => {
  const everything = { requestId: "req-7", traceparent: TRACEPARENT };

  test("over gRPC: the request's id, the trace, the caller's id and role, and the protocol's own headers", async () => {
    const server = await startMisbehavingGrpcServer();
    const { platform } = openUpstream(server.url, { now: () => NOW });
    const context = callContext({ ...everything, caller: caller(Role.DEVELOPER), deadlineAtMs: NOW + 4_000 });
    await platform.users.getUser(getUser, context);
    expect(Object.fromEntries(Object.entries(server.calls[0]!.headers))).toEqual({
      ":method": "POST",
      ":path": "/platform.users.v1.UserService/GetUser",
      ":scheme": "http",
      ":authority": `127.0.0.1:${server.port}`,
      "content-type": "application/grpc+proto",
      te: "trailers",
      "user-agent": expect.any(String),
      "grpc-timeout": "4000m",
      "x-request-id": "req-7",
      traceparent: TRACEPARENT,
      "x-user-id": "usr_ada",
      "x-user-role": "DEVELOPER",
    });
  });

  test.each([
    [Role.CLIENT, "CLIENT"],
    [Role.DEVELOPER, "DEVELOPER"],
    [Role.ADMIN, "ADMIN"],
  ])("role %d is told as %s", async (role, name) => {
    const server = await startContractServer();
    const { platform } = openUpstream(server.url);
    await platform.users.getUser(getUser, callContext({ caller: caller(role) }));
    expect(server.seen[0]!.metadata["x-user-role"]).toBe(name);
  });

  test("of nobody: no id and no role, not even empty ones", async () => {
    const server = await startContractServer();
    const { platform } = openUpstream(server.url);
    await platform.users.getUser(getUser, callContext({ requestId: "req-8" }));
    const { metadata } = server.seen[0]!;
    expect(Object.keys(metadata).filter((name) => /^x-|trace/.test(name))).toEqual(["x-request-id"]);
  });

  test.each([
    [
      "connect" as const,
      [
        "accept-encoding",
        "connect-protocol-version",
        "connect-timeout-ms",
        "connection",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
      ],
    ],
    [
      "grpc-web" as const,
      [
        "connection",
        "content-type",
        "grpc-accept-encoding",
        "grpc-timeout",
        "host",
        "transfer-encoding",
        "user-agent",
        "x-grpc-web",
        "x-user-agent",
      ],
    ],
  ])("over %s: the same four, and that protocol's own", async (protocol, own) => {
    const server = await startHttpRecorder((response) => response.writeHead(503).end());
    const { platform } = openUpstream(server.url, { protocol });
    const context = callContext({ ...everything, caller: caller(Role.CLIENT) });
    await gatewayErrorOf(platform.users.getUser(getUser, context));
    const { headers } = server.requests[0]!;
    expect(headers).toMatchObject({
      "x-request-id": "req-7",
      traceparent: TRACEPARENT,
      "x-user-id": "usr_ada",
      "x-user-role": "CLIENT",
    });
    const allowed = [...own, "x-request-id", "traceparent", "x-user-id", "x-user-role"];
    expect(Object.keys(headers).filter((name) => !allowed.includes(name))).toEqual([]);
    expect(JSON.stringify(headers)).not.toMatch(/secret/);
  });

  test("nothing that a client sent, even where a handler's context carries it", async () => {
    const server = await startContractServer();
    const { platform } = openUpstream(server.url);
    // A HandlerContext has more than a call may use.
    const context = {
      ...callContext(),
      requestHeader: new Headers({ authorization: "Bearer secret", cookie: "secret", "x-user-role": "ADMIN" }),
      responseHeader: new Headers({ "x-out": "secret" }),
    };
    await platform.users.getUser(getUser, context);
    const { metadata } = server.seen[0]!;
    expect(JSON.stringify(metadata)).not.toMatch(/secret|ADMIN/);
    expect(Object.keys(metadata)).not.toContain("authorization");
  });
});

describe("gateway_service_calls_total", () => {
  test("counts by service, method and the code's name, each service by its own label", async () => {
    const server = await startContractServer();
    const { platform, metrics } = openUpstream(server.url);
    await platform.users.getUser(getUser, callContext());
    await platform.users.getUser(getUser, callContext());
    await platform.tasks.getTask({ taskId: "tsk_a" }, callContext());
    await platform.recommendation.health({}, callContext());
    await platform.orchestrator.listProposals({}, callContext());
    server.refuse({ code: 5, details: "none" });
    await gatewayErrorOf(platform.tasks.getTask({ taskId: "tsk_a" }, callContext()));
    expect(serviceCalls(metrics)).toEqual({
      "user-service GetUser OK": 2,
      "task-service GetTask OK": 1,
      "task-service GetTask NOT_FOUND": 1,
      "recommendation-service Health OK": 1,
      "orchestrator ListProposals OK": 1,
    });
  });

  test("a status that there is not makes no series of its own", async () => {
    const server = await startContractServer();
    const { platform, metrics } = openUpstream(server.url);
    for (const code of [17, 42, 99, 4_711]) {
      server.refuse({ code, details: "x" });
      await gatewayErrorOf(platform.users.getUser(getUser, callContext()));
    }
    expect(serviceCalls(metrics)).toEqual({ "user-service GetUser INTERNAL": 4 });
  });

  test("every breaker is closed from the start", () => {
    const { metrics } = openUpstream("http://127.0.0.1:1");
    const lines = metrics.render().match(/^gateway_circuit_breaker_state\{.*$/gm);
    expect(lines?.sort()).toEqual([
      'gateway_circuit_breaker_state{service="orchestrator"} 0',
      'gateway_circuit_breaker_state{service="recommendation-service"} 0',
      'gateway_circuit_breaker_state{service="task-service"} 0',
      'gateway_circuit_breaker_state{service="user-service"} 0',
    ]);
  });
});

describe("the client of a service", () => {
  test("has one function for each rpc, streams among them", () => {
    const { platform } = openUpstream("http://127.0.0.1:1");
    const names = (client: object) => Object.keys(client).sort();
    expect(names(platform.orchestrator)).toEqual([
      "listProposals",
      "respondToProposal",
      "startMatching",
      "watchProposals",
    ]);
    expect(names(platform.users)).toHaveLength(8);
    expect(names(platform.tasks)).toHaveLength(5);
    expect(names(platform.recommendation)).toHaveLength(6);
  });

  test("shares one connection among all calls", async () => {
    const server = await startMisbehavingGrpcServer();
    const { platform } = openUpstream(server.url);
    const calls = Array.from({ length: 50 }, () => platform.users.getUser(getUser, callContext()));
    for (const { user } of await Promise.all(calls)) expect(user?.userId).toBe(GOOD_USER_ID);
    expect(server.connectionCount()).toBe(1);
  });

  test("is no use outside of a request", () => {
    const { platform } = openUpstream("http://127.0.0.1:1");
    const { values } = callContext();
    expect(requestContext().requestId).toBe("req-1");
    const outside = { values: { ...values, get: () => undefined }, signal: new AbortController().signal };
    expect(() => platform.users.getUser(getUser, outside as never)).toThrow("called outside of a request");
  });
});
