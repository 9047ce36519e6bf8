import { isMessage } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { TaskLifecycleStatus, UserPresenceStatus, UserType } from "#gen/platform/common/v1/common_pb.ts";
import { OrchestratorService, type ProposalEvent } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { freePort } from "#platform/net/free-port.ts";
import { probeGrpc } from "#src/upstream/health-probes.ts";
import type { Platform } from "#src/upstream/platform.ts";
import { UPSTREAM_PROTOCOLS, type UpstreamProtocol } from "#src/upstream/services.ts";
import { startTestPlatform, type TestPlatform } from "../platform/support/start-test-platform.ts";
import { type HttpBehaviour, startHttpRecorder } from "../support/http-recorder.ts";
import { envelope, GOOD_USER_ID, goodEnvelope } from "../support/misbehaving-grpc-server.ts";
import { callContext, eventually, gatewayErrorOf, openUpstream, outline, PLENTY_MS } from "../support/upstream.ts";

// One suite for the three ways to speak to a service: which one is configuration, and must change nothing.

const password = "Correct-horse-1";
const account = { email: "ada@example.org", password, displayName: "Ada", userType: UserType.DEVELOPER };
const task = {
  clientId: "usr_nora",
  title: "Dashboard",
  description: "Größe 日本 😀",
  skillTags: ["typescript"],
  budgetLowerBound: 50,
  budgetUpperBound: 100.25,
  repositoryUrl: "https://git.example.org/x",
  priority: 3,
};

/** What UpdateTask takes of a task. */
function fieldsOf(
  { taskId, title, skillTags, budgetUpperBound }: typeof task & { taskId: string },
  status: TaskLifecycleStatus,
) {
  return { taskId, title, skillTags, budgetUpperBound, status };
}

function open(protocol: UpstreamProtocol, { services }: TestPlatform) {
  const { users, tasks, recommendation, orchestrator } = services;
  const urls = {
    users: users.url,
    tasks: tasks.url,
    recommendation: recommendation.url,
    orchestrator: orchestrator.url,
  };
  return openUpstream(urls, { protocol });
}

describe.each(UPSTREAM_PROTOCOLS)("over %s", (protocol) => {
  test("a developer signs up, a task is posted, matched and taken", async () => {
    const { platform, transports } = open(protocol, await startTestPlatform());
    const { users, tasks, recommendation, orchestrator } = platform;
    const context = callContext();

    const { user } = await users.createUser(account, context);
    const userId = user!.userId;
    expect((await users.authenticateUser(account, context)).user?.userId).toBe(userId);
    const profile = { userId, displayName: "Ada", email: account.email, skillTags: ["typescript"], hourlyRate: 75.5 };
    await users.createDeveloperProfile(profile, context);
    await users.updatePresence({ userId, presence: UserPresenceStatus.SEARCHING }, context);
    const online = await users.listOnlineDevelopers({ skillTags: ["typescript"], limit: 10 }, context);
    expect(online.developers.map((developer) => [developer.userId, developer.hourlyRate])).toEqual([[userId, 75.5]]);

    const { task: made } = await tasks.createTask(task, context);
    const taskId = made!.taskId;
    const { task: read } = await tasks.getTask({ taskId }, context);
    expect(read).toEqual(made);
    expect(read).toMatchObject({ description: task.description, budgetUpperBound: 100.25, skillTags: ["typescript"] });

    const { scores, metadata } = await recommendation.scoreTaskCandidates(
      {
        task: { taskId, skillTags: ["typescript"], budgetLowerBound: 50, budgetUpperBound: 100 },
        candidates: [{ userId, skillTags: ["typescript"], hourlyRate: 75, rating: 5 }],
        limit: 5,
        strategy: { name: "balanced" },
      },
      context,
    );
    expect(scores[0]?.userId).toBe(userId);
    expect(metadata?.totalCandidatesEvaluated).toBe(1);
    expect(await recommendation.health({}, context)).toMatchObject({ healthy: true });

    const { proposals } = await orchestrator.startMatching({ taskId, limit: 5 }, context);
    expect(proposals.map((proposal) => proposal.userId)).toEqual([userId]);
    const { proposalId } = proposals[0]!;
    await orchestrator.respondToProposal({ proposalId, userId, accept: true }, context);
    const { task: taken } = await tasks.getTask({ taskId }, context);
    expect(taken).toMatchObject({ status: TaskLifecycleStatus.ASSIGNED, assigneeId: userId });

    const leave = new AbortController();
    const client = createClient(OrchestratorService, transports.orchestrator);
    const watch = { signal: leave.signal, timeoutMs: PLENTY_MS };
    const events = client.watchProposals({ userId }, watch)[Symbol.asyncIterator]();
    let event: ProposalEvent | undefined;
    const first = events.next().then(({ value }) => {
      event = value;
    });
    // Nobody can tell when the stream has begun: propose until it says so.
    while (event === undefined) {
      const { task: next } = await tasks.createTask(task, context);
      await orchestrator.startMatching({ taskId: next!.taskId, limit: 5 }, context);
    }
    await first;
    expect(event.proposal?.userId).toBe(userId);
    leave.abort();
    await expect(events.next()).rejects.toMatchObject({ code: Code.Canceled });
  });

  test.each<[what: string, call: (platform: Platform) => Promise<unknown>, outcome: unknown[], text: RegExp]>([
    [
      "what does not exist",
      ({ users }) => users.getUser({ userId: "usr_x" }, callContext()),
      ["NOT_FOUND", 404],
      /^user usr_x does not exist$/,
    ],
    [
      "what exists already",
      async ({ users }) => {
        await users.createUser(account, callContext());
        return await users.createUser(account, callContext());
      },
      ["ALREADY_EXISTS", 409],
      /./,
    ],
    [
      "wrong credentials",
      ({ users }) => users.authenticateUser({ email: "nobody@example.org", password }, callContext()),
      ["AUTHENTICATION_FAILED", 401],
      /^The e-mail address or the password is wrong\.$/,
    ],
    [
      "a request that is wrong",
      ({ tasks }) => tasks.createTask({ ...task, title: "" }, callContext()),
      ["INVALID_ARGUMENT", 400],
      /title/,
    ],
    [
      "a state that is final",
      async ({ tasks }) => {
        const { task: made } = await tasks.createTask(task, callContext());
        const whole = { ...task, taskId: made!.taskId };
        const change = (status: TaskLifecycleStatus) => tasks.updateTask(fieldsOf(whole, status), callContext());
        await change(TaskLifecycleStatus.CANCELLED);
        return await change(TaskLifecycleStatus.OPEN);
      },
      ["FAILED_PRECONDITION", 400],
      /./,
    ],
    [
      "no time left",
      ({ users }) => users.getUser({ userId: "usr_x" }, callContext({ deadlineAtMs: Date.now() - 1 })),
      ["DEADLINE_EXCEEDED", 504],
      /did not answer in time/,
    ],
    [
      "a client that went away",
      ({ users }) => users.getUser({ userId: "usr_x" }, callContext({ signal: AbortSignal.abort() })),
      ["CANCELLED", 499],
      /./,
    ],
  ])("%s has the same answer", async (_what, call, outcome, text) => {
    const { platform } = open(protocol, await startTestPlatform());
    const error = await gatewayErrorOf(call(platform));
    expect(outline(error)).toEqual(outcome);
    expect(error.message).toMatch(text);
  });

  test("a service that is not there is 503, and its probe fails; one that is there is up, health service or not", async () => {
    const platform = await startTestPlatform();
    const { transports } = open(protocol, platform);
    for (const transport of Object.values(transports)) await probeGrpc(transport, PLENTY_MS);

    const gone = openUpstream(`http://127.0.0.1:${await freePort()}`, { protocol });
    const error = await gatewayErrorOf(gone.platform.users.getUser({ userId: "usr_x" }, callContext()));
    expect(outline(error)).toEqual(["SERVICE_UNAVAILABLE", 503, 2]);
    await expect(probeGrpc(gone.transports.users, PLENTY_MS)).rejects.toThrow();
  });

  test("an empty message is an answer", async () => {
    const { platform } = open(protocol, await startTestPlatform());
    const { user } = await platform.users.createUser(account, callContext());
    const profile = { userId: user!.userId, displayName: "Ada", email: account.email, skillTags: ["a"], hourlyRate: 1 };
    await platform.users.createDeveloperProfile(profile, callContext());
    const empty = await platform.users.updatePresence(
      { userId: user!.userId, presence: UserPresenceStatus.IDLE },
      callContext(),
    );
    expect(isMessage(empty)).toBe(true);
    expect(empty.$typeName).toBe("google.protobuf.Empty");
  });
});

test("the three read the same message from the same service", async () => {
  const running = await startTestPlatform();
  const clients = UPSTREAM_PROTOCOLS.map((protocol) => open(protocol, running).platform);
  const { task: made } = await clients[0]!.tasks.createTask(task, callContext());
  const answers = await Promise.all(clients.map(({ tasks }) => tasks.getTask({ taskId: made!.taskId }, callContext())));
  expect(answers[1]).toEqual(answers[0]);
  expect(answers[2]).toEqual(answers[0]);
});

// What a proxy or a broken service does to the two that speak HTTP/1.1. gRPC has its own table.
describe.each(["connect", "grpc-web"] as const)("over %s, an upstream's failure", (protocol) => {
  const html = (status: number): HttpBehaviour => {
    return (response) => response.writeHead(status, { "content-type": "text/html" }).end("<html>10.0.0.7:50051</html>");
  };
  const type = protocol === "connect" ? "application/proto" : "application/grpc-web+proto";
  // gRPC-Web puts the trailers into a last envelope.
  const trailers = envelope(Buffer.from("grpc-status: 0\r\n"), { flags: 0x80 });
  const good = protocol === "connect" ? goodEnvelope.subarray(5) : Buffer.concat([goodEnvelope, trailers]);
  const LEAK = /10\.0\.0\.7|127\.0\.0\.1|html|secret|\.ts\b/;

  test.each<[what: string, behave: HttpBehaviour, outcome: unknown[], deadlineMs?: number]>([
    ["HTTP 401", html(401), ["UPSTREAM_ERROR", 502]],
    ["HTTP 403", html(403), ["ACCESS_DENIED", 403]],
    ["HTTP 404", html(404), ["UNIMPLEMENTED", 501]],
    ["HTTP 429", html(429), ["SERVICE_UNAVAILABLE", 503, 2]],
    ["HTTP 500", html(500), ["UPSTREAM_ERROR", 502]],
    ["HTTP 502", html(502), ["SERVICE_UNAVAILABLE", 503, 2]],
    ["HTTP 503", html(503), ["SERVICE_UNAVAILABLE", 503, 2]],
    ["HTTP 504", html(504), ["DEADLINE_EXCEEDED", 504]],
    ["HTML with 200", html(200), ["UPSTREAM_ERROR", 502]],
    [
      "a redirect, which is not followed",
      (response) => response.writeHead(307, { location: "/elsewhere" }).end(),
      ["UPSTREAM_ERROR", 502],
    ],
    ["silence", () => {}, ["DEADLINE_EXCEEDED", 504], 400],
    [
      "silence after headers",
      (response) => response.writeHead(200, { "content-type": type }).flushHeaders(),
      ["DEADLINE_EXCEEDED", 504],
      400,
    ],
    ["a dropped connection", (response) => response.destroy(), ["UPSTREAM_ERROR", 502]],
    [
      "a connection dropped in the answer",
      (response) => {
        response.writeHead(200, { "content-type": type, "content-length": 100 });
        response.write("abc", () => setImmediate(() => response.destroy()));
      },
      ["UPSTREAM_ERROR", 502],
    ],
    [
      "bytes that are not protobuf",
      (response) => response.writeHead(200, { "content-type": type }).end("garbage!"),
      ["UPSTREAM_ERROR", 502],
    ],
    [
      "an answer over 16 MiB",
      (response) => response.writeHead(200, { "content-type": type }).end(Buffer.alloc(17 * 1_048_576)),
      ["UPSTREAM_ERROR", 502],
    ],
    [
      "a header that no parser takes",
      (response) => response.socket!.end("HTTP/1.1 200 OK\r\nbad header\r\n\r\n"),
      ["UPSTREAM_ERROR", 502],
    ],
  ])("%s has the right answer, and the next call is well", async (_what, behave, outcome, deadlineMs = PLENTY_MS) => {
    let behaviour = behave;
    const server = await startHttpRecorder((response, request) => behaviour(response, request));
    const { platform } = openUpstream(server.url, { protocol });
    const context = callContext({ deadlineAtMs: Date.now() + deadlineMs });
    const error = await gatewayErrorOf(platform.users.getUser({ userId: "usr_x" }, context));
    expect(outline(error)).toEqual(outcome);
    expect(error.message).not.toMatch(LEAK);
    expect(error.message).toContain("The user service");

    behaviour = (response) => response.writeHead(200, { "content-type": type }).end(good);
    const { user } = await platform.users.getUser({ userId: "usr_x" }, callContext());
    expect(user?.userId).toBe(GOOD_USER_ID);
  });

  test("the client goes away: the service sees the end of the connection", async () => {
    const server = await startHttpRecorder(() => {});
    const { platform } = openUpstream(server.url, { protocol });
    const client = new AbortController();
    const call = gatewayErrorOf(platform.users.getUser({ userId: "usr_x" }, callContext({ signal: client.signal })));
    await eventually(() => server.requests.length === 1, "the call arrives");
    client.abort();
    expect(outline(await call)).toEqual(["CANCELLED", 499]);
    await eventually(() => server.requests[0]!.cut, "the service sees it");
  });
});
