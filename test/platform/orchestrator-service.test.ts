import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ProposalState, TaskLifecycleStatus } from "#gen/platform/common/v1/common_pb.ts";
import { openClients } from "./support/clients.ts";
import { expectRefusal } from "./support/refusals.ts";
import { addOnlineDeveloper, addTask, profile, task } from "./support/samples.ts";
import { startTestPlatform } from "./support/start-test-platform.ts";
import { protocols } from "./support/transports.ts";

const { PROPOSED, ACCEPTED, REJECTED, EXPIRED } = ProposalState;
const hour = 3_600_000;

describe.each(protocols)("OrchestratorService, $name", (protocol) => {
  /** A platform with a clock that the test moves. */
  async function start() {
    const clock = { now: Date.UTC(2026, 0, 1) };
    const platform = await startTestPlatform({ now: () => clock.now });
    return { clock, platform, ...openClients(platform, protocol) };
  }

  /** A task, three developers who fit it (`usr_a` best), and what was proposed to them. */
  async function propose() {
    const started = await start();
    await addOnlineDeveloper(started, "usr_c", { skillTags: ["react"], hourlyRate: 50 });
    await addOnlineDeveloper(started, "usr_b", { skillTags: ["react"], hourlyRate: 75 });
    await addOnlineDeveloper(started, "usr_a", { skillTags: ["react", "typescript"], hourlyRate: 75 });
    const taskId = await addTask(started);
    const { proposals } = await started.orchestrator.startMatching({ taskId });
    return { ...started, taskId, proposals };
  }

  async function states({ orchestrator }: Awaited<ReturnType<typeof start>>, taskId: string) {
    const { proposals } = await orchestrator.listProposals({ taskId });
    return Object.fromEntries(proposals.map(({ userId, state }) => [userId, state]));
  }

  test("StartMatching proposes the task to those who fit, best first", async () => {
    const { taskId, proposals, clock } = await propose();
    expect(proposals.map(({ userId }) => userId)).toEqual(["usr_a", "usr_b", "usr_c"]);
    expect(proposals[0]).toMatchObject({
      proposalId: expect.stringMatching(/^prp_/),
      taskId,
      taskTitle: "Dashboard",
      strategy: "balanced",
      state: PROPOSED,
      reason: "",
    });
    // All skills, exactly the midpoint, no rating yet.
    expect(proposals[0]!.score).toBeCloseTo(0.8, 12);
    expect(timestampMs(proposals[0]!.proposedAt!)).toBe(clock.now);
    expect(timestampMs(proposals[0]!.expiresAt!)).toBe(clock.now + 24 * hour);
    expect(proposals[0]!.respondedAt).toBeUndefined();
  });

  test("StartMatching leaves out who is away, too expensive, or has no such skill", async () => {
    const started = await start();
    await started.users.createDeveloperProfile({ ...profile, userId: "usr_away" });
    await addOnlineDeveloper(started, "usr_dear", { hourlyRate: 101 });
    await addOnlineDeveloper(started, "usr_cobol", { skillTags: ["cobol"] });
    const { proposals } = await started.orchestrator.startMatching({ taskId: await addTask(started) });
    expect(proposals).toEqual([]);
  });

  test("StartMatching goes on with the next ones, and skips who has a live proposal", async () => {
    const started = await start();
    for (const id of ["usr_a", "usr_b", "usr_c"]) await addOnlineDeveloper(started, id);
    const taskId = await addTask(started);
    const users = async (request: object) =>
      (await started.orchestrator.startMatching({ taskId, ...request })).proposals.map(({ userId }) => userId);
    expect(await users({ limit: 2, strategy: "greedy" })).toEqual(["usr_a", "usr_b"]);
    expect(await users({})).toEqual(["usr_c"]);
    expect(await users({})).toEqual([]);
    started.clock.now += 24 * hour;
    expect(await users({})).toEqual(["usr_a", "usr_b", "usr_c"]);
  });

  test("StartMatching proposes to 10 unless told", async () => {
    const started = await start();
    for (let index = 0; index < 12; index++) await addOnlineDeveloper(started, `usr_${index}`);
    const { proposals } = await started.orchestrator.startMatching({ taskId: await addTask(started) });
    expect(proposals).toHaveLength(10);
  });

  test("StartMatching refuses unknown tasks, tasks that are not open, and bad input", async () => {
    const started = await start();
    const { orchestrator, tasks } = started;
    const taskId = await addTask(started);
    await expectRefusal(orchestrator.startMatching({ taskId: "tsk_x" }), Code.NotFound, "task tsk_x does not exist");
    await expectRefusal(orchestrator.startMatching({}), Code.InvalidArgument, /task_id/);
    await expectRefusal(orchestrator.startMatching({ taskId, limit: 51 }), Code.InvalidArgument, /at most 50/);
    await expectRefusal(orchestrator.startMatching({ taskId, strategy: "x" }), Code.InvalidArgument, /strategy/);
    await tasks.updateTask({ ...task, taskId, status: TaskLifecycleStatus.PAUSED });
    await expectRefusal(orchestrator.startMatching({ taskId }), Code.FailedPrecondition, /is not open/);
  });

  test("ListProposals narrows and pages, the newest first", async () => {
    const { orchestrator, taskId } = await propose();
    const list = async (query: object) => {
      const { proposals, totalCount } = await orchestrator.listProposals(query);
      return [proposals.map(({ userId }) => userId), totalCount];
    };
    expect(await list({})).toEqual([["usr_c", "usr_b", "usr_a"], 3]);
    expect(await list({ taskId, limit: 1, offset: 1 })).toEqual([["usr_b"], 3]);
    expect(await list({ userId: "usr_a" })).toEqual([["usr_a"], 1]);
    expect(await list({ state: ACCEPTED })).toEqual([[], 0]);
    expect(await list({ taskId: "tsk_x" })).toEqual([[], 0]);
    const bad = { userId: "a b", taskId: "?", state: 9 as ProposalState, limit: 1001 };
    await expectRefusal(orchestrator.listProposals(bad), Code.InvalidArgument, /user_id.*task_id.*state.*limit/);
  });

  test("accepting assigns the task and expires its other proposals", async () => {
    const started = await propose();
    const { orchestrator, tasks, taskId, proposals, clock } = started;
    clock.now += hour;
    const request = { proposalId: proposals[1]!.proposalId, userId: "usr_b", accept: true, reason: "Gladly" };
    const { proposal } = await orchestrator.respondToProposal(request);
    expect(proposal).toMatchObject({ proposalId: request.proposalId, state: ACCEPTED, reason: "Gladly" });
    expect(timestampMs(proposal!.respondedAt!)).toBe(clock.now);
    expect(await states(started, taskId)).toEqual({ usr_a: EXPIRED, usr_b: ACCEPTED, usr_c: EXPIRED });
    const after = (await tasks.getTask({ taskId })).task;
    expect(after).toMatchObject({ status: TaskLifecycleStatus.ASSIGNED, assigneeId: "usr_b" });
    expect((await tasks.listTasks({ assigneeId: "usr_b" })).totalCount).toBe(1);
  });

  test("of many who accept at once, one has the task", async () => {
    const started = await propose();
    const { orchestrator, tasks, taskId, proposals } = started;
    const results = await Promise.allSettled(
      proposals.map(({ proposalId, userId }) => orchestrator.respondToProposal({ proposalId, userId, accept: true })),
    );
    const winners = results.flatMap((result) => (result.status === "fulfilled" ? [result.value.proposal!.userId] : []));
    expect(winners).toHaveLength(1);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason.code).toBe(Code.FailedPrecondition);
    }
    expect((await tasks.getTask({ taskId })).task!.assigneeId).toBe(winners[0]);
    expect(Object.values(await states(started, taskId)).toSorted()).toEqual([ACCEPTED, EXPIRED, EXPIRED]);
  });

  test("rejecting leaves the task open and the others alone", async () => {
    const started = await propose();
    const { orchestrator, tasks, taskId, proposals } = started;
    const request = { proposalId: proposals[0]!.proposalId, userId: "usr_a", accept: false, reason: "Busy" };
    const { proposal } = await orchestrator.respondToProposal(request);
    expect(proposal).toMatchObject({ state: REJECTED, reason: "Busy" });
    expect(await states(started, taskId)).toEqual({ usr_a: REJECTED, usr_b: PROPOSED, usr_c: PROPOSED });
    expect((await tasks.getTask({ taskId })).task!.status).toBe(TaskLifecycleStatus.OPEN);
  });

  test("RespondToProposal refuses unknown proposals, other developers, and what was answered", async () => {
    const { orchestrator, proposals } = await propose();
    const { proposalId } = proposals[0]!;
    const respond = (request: object) => orchestrator.respondToProposal({ proposalId, userId: "usr_a", ...request });
    await expectRefusal(respond({ proposalId: "prp_x" }), Code.NotFound, "proposal prp_x does not exist");
    await expectRefusal(respond({ userId: "usr_b" }), Code.PermissionDenied, /for somebody else/);
    await expectRefusal(respond({ proposalId: "", userId: "" }), Code.InvalidArgument, /proposal_id.*user_id/);
    await expectRefusal(respond({ reason: "x".repeat(1001) }), Code.InvalidArgument, /reason/);
    await respond({});
    await expectRefusal(respond({ accept: true }), Code.FailedPrecondition, /the proposal is REJECTED/);
  });

  test.each<[why: string, change: (started: Awaited<ReturnType<typeof propose>>) => unknown]>([
    ["a day has gone by", ({ clock }) => (clock.now += 24 * hour)],
    ["its task is deleted", ({ tasks, taskId }) => tasks.deleteTask({ taskId })],
    [
      "its task is cancelled",
      ({ tasks, taskId }) => tasks.updateTask({ ...task, taskId, status: TaskLifecycleStatus.CANCELLED }),
    ],
  ])("a proposal expires when %s", async (_why, change) => {
    const started = await propose();
    await change(started);
    const { proposalId, userId } = started.proposals[0]!;
    const respond = started.orchestrator.respondToProposal({ proposalId, userId, accept: true });
    await expectRefusal(respond, Code.FailedPrecondition, /the proposal is EXPIRED/);
    expect(await states(started, started.taskId)).toEqual({ usr_a: EXPIRED, usr_b: EXPIRED, usr_c: EXPIRED });
  });

  test("WatchProposals streams what was missed, then what happens, to its developer alone", async () => {
    const { orchestrator, proposals, clock } = await propose();
    const stop = new AbortController();
    const stream = orchestrator.watchProposals({ userId: "usr_a" }, { signal: stop.signal });
    const events = stream[Symbol.asyncIterator]();
    const first = (await events.next()).value!;
    expect(first.proposal).toMatchObject({ proposalId: proposals[0]!.proposalId, state: PROPOSED });
    expect(timestampMs(first.occurredAt!)).toBe(clock.now);

    const next = events.next();
    for (const index of [1, 0]) {
      const { proposalId, userId } = proposals[index]!;
      await orchestrator.respondToProposal({ proposalId, userId, accept: false });
    }
    const second = (await next).value!;
    expect(second.proposal).toMatchObject({ userId: "usr_a", state: REJECTED });
    expect(Number(second.eventId)).toBeGreaterThan(Number(first.eventId));
    stop.abort();
    await expectRefusal(events.next(), Code.Canceled, /abort/);
  });

  test("WatchProposals goes on after an event, also after one from before the state was lost", async () => {
    const { orchestrator } = await propose();
    const ids = async (afterEventId: string, count: number) => {
      const stop = new AbortController();
      const seen: string[] = [];
      const request = { afterEventId };
      for await (const { eventId } of orchestrator.watchProposals(request, { signal: stop.signal })) {
        if (seen.push(eventId) === count) break;
      }
      stop.abort();
      return seen;
    };
    const all = await ids("", 3);
    expect(all.map(Number)).toEqual(all.map(Number).toSorted((a, b) => a - b));
    expect(await ids(all[0]!, 2)).toEqual(all.slice(1));
    expect(await ids("987654", 3)).toEqual(all);
    await expectRefusal(ids("x", 1), Code.InvalidArgument, /after_event_id is not the id of an event/);
  });

  test("WatchProposals ends without an error when the service stops", async () => {
    const { orchestrator, platform } = await propose();
    const events = orchestrator.watchProposals({ userId: "usr_a" })[Symbol.asyncIterator]();
    expect((await events.next()).done).toBe(false);
    const end = events.next();
    await platform.services.orchestrator.stop();
    expect((await end).done).toBe(true);
  });

  test("WatchProposals keeps a deadline", async () => {
    const { orchestrator } = await start();
    const events = orchestrator.watchProposals({}, { timeoutMs: 200 })[Symbol.asyncIterator]();
    await expectRefusal(events.next(), Code.DeadlineExceeded, /./);
  });
});
