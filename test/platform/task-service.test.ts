import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { TaskLifecycleStatus } from "#gen/platform/common/v1/common_pb.ts";
import { openClients } from "./support/clients.ts";
import { expectRefusal } from "./support/refusals.ts";
import { addTask, task } from "./support/samples.ts";
import { startTestPlatform } from "./support/start-test-platform.ts";
import { protocols } from "./support/transports.ts";

const { OPEN, ASSIGNED, PAUSED, COMPLETED, CANCELLED } = TaskLifecycleStatus;

describe.each(protocols)("TaskService, $name", (protocol) => {
  async function start() {
    const platform = await startTestPlatform();
    return openClients(platform, protocol);
  }

  test("CreateTask answers the task, OPEN and nobody's, and GetTask the same one", async () => {
    const { tasks } = await start();
    const { priority: _priority, ...kept } = task;
    const { task: made } = await tasks.createTask(task);
    expect(made).toMatchObject({ ...kept, taskId: expect.stringMatching(/^tsk_/), status: OPEN, assigneeId: "" });
    expect(timestampMs(made!.createdAt!)).toBe(timestampMs(made!.updatedAt!));
    expect(await tasks.getTask({ taskId: made!.taskId })).toMatchObject({ task: made });
  });

  test.each([
    ["no client", { clientId: "" }, /client_id is required/],
    ["a blank title", { title: " \t" }, /title must not be blank/],
    ["a long title", { title: "x".repeat(201) }, /title must have 1 to 200/],
    ["no skills", { skillTags: [] }, /skill_tags must have 1 to 50/],
    ["equal bounds", { budgetLowerBound: 5, budgetUpperBound: 5 }, /must be lower than budget_upper_bound/],
    ["bounds the wrong way round", { budgetLowerBound: 6, budgetUpperBound: 5 }, /must be lower/],
    ["a negative bound", { budgetLowerBound: -1 }, /budget_lower_bound must be a number/],
    ["an endless bound", { budgetUpperBound: Number.POSITIVE_INFINITY }, /budget_upper_bound must be a number/],
    ["a repository that is no web address", { repositoryUrl: "ftp://host/x" }, /repository_url must be an http/],
  ])("CreateTask refuses %s", async (_what, change, message) => {
    const { tasks } = await start();
    await expectRefusal(tasks.createTask({ ...task, ...change }), Code.InvalidArgument, message);
  });

  test("GetTask, UpdateTask and DeleteTask refuse an unknown id, and what is none", async () => {
    const { tasks } = await start();
    const update = { ...task, status: OPEN };
    await expectRefusal(tasks.getTask({ taskId: "tsk_x" }), Code.NotFound, "task tsk_x does not exist");
    await expectRefusal(tasks.updateTask({ ...update, taskId: "tsk_x" }), Code.NotFound, /tsk_x/);
    await expectRefusal(tasks.deleteTask({ taskId: "tsk_x" }), Code.NotFound, /tsk_x/);
    await expectRefusal(tasks.getTask({ taskId: "?" }), Code.InvalidArgument, /task_id/);
    await expectRefusal(tasks.updateTask({ ...update, taskId: "" }), Code.InvalidArgument, /task_id/);
    await expectRefusal(tasks.deleteTask({}), Code.InvalidArgument, /task_id/);
  });

  test("UpdateTask replaces every field, also with nothing", async () => {
    const clients = await start();
    const taskId = await addTask(clients);
    const change = { title: "Other", skillTags: ["go"], budgetLowerBound: 1, budgetUpperBound: 2, status: PAUSED };
    await clients.tasks.updateTask({ taskId, ...change });
    const { task: after } = await clients.tasks.getTask({ taskId });
    expect(after).toMatchObject({ ...change, description: "", repositoryUrl: "", clientId: "usr_nora" });
  });

  test("UpdateTask refuses what CreateTask refuses, and no status", async () => {
    const clients = await start();
    const taskId = await addTask(clients);
    await expectRefusal(
      clients.tasks.updateTask({ taskId, budgetUpperBound: 1 }),
      Code.InvalidArgument,
      /title.*skill_tags.*status must be given/,
    );
  });

  test.each([
    ["COMPLETED", COMPLETED],
    ["CANCELLED", CANCELLED],
  ])("a task that is %s keeps its status, and may change otherwise", async (name, final) => {
    const clients = await start();
    const taskId = await addTask(clients);
    const update = { ...task, taskId };
    await clients.tasks.updateTask({ ...update, status: final });
    for (const status of [OPEN, ASSIGNED, PAUSED, final === COMPLETED ? CANCELLED : COMPLETED]) {
      await expectRefusal(clients.tasks.updateTask({ ...update, status }), Code.FailedPrecondition, new RegExp(name));
    }
    await clients.tasks.updateTask({ ...update, title: "Renamed", status: final });
    expect((await clients.tasks.getTask({ taskId })).task).toMatchObject({ title: "Renamed", status: final });
  });

  test("DeleteTask removes the task", async () => {
    const clients = await start();
    const taskId = await addTask(clients);
    await clients.tasks.deleteTask({ taskId });
    await expectRefusal(clients.tasks.getTask({ taskId }), Code.NotFound, /tsk_/);
  });

  test("ListTasks lists the newest first, in pages that know how many there are", async () => {
    const clients = await start();
    for (const title of ["one", "two", "three"]) await addTask(clients, { title });
    const page = async (query: object) => {
      const { tasks, totalCount } = await clients.tasks.listTasks(query);
      return [tasks.map(({ title }) => title), totalCount];
    };
    expect(await page({})).toEqual([["three", "two", "one"], 3]);
    expect(await page({ limit: 2 })).toEqual([["three", "two"], 3]);
    expect(await page({ limit: 2, offset: 2 })).toEqual([["one"], 3]);
    expect(await page({ offset: 9 })).toEqual([[], 3]);
  });

  test("ListTasks narrows by client, status, assignee and any of the skills", async () => {
    const clients = await start();
    await addTask(clients, { title: "omar's", clientId: "usr_omar", skillTags: ["Go", "gRPC"] });
    const paused = await addTask(clients, { title: "paused" });
    await clients.tasks.updateTask({ ...task, taskId: paused, title: "paused", status: PAUSED });
    const titles = async (query: object) => (await clients.tasks.listTasks(query)).tasks.map(({ title }) => title);
    expect(await titles({ clientId: "usr_omar" })).toEqual(["omar's"]);
    expect(await titles({ status: PAUSED })).toEqual(["paused"]);
    expect(await titles({ skillTags: ["rust", "GRPC"] })).toEqual(["omar's"]);
    expect(await titles({ clientId: "usr_omar", status: PAUSED })).toEqual([]);
    expect(await titles({ assigneeId: "usr_ada" })).toEqual([]);
  });

  test("ListTasks refuses bad filters", async () => {
    const { tasks } = await start();
    const bad = { clientId: "a b", status: 9 as TaskLifecycleStatus, limit: 1001 };
    await expectRefusal(tasks.listTasks(bad), Code.InvalidArgument, /client_id.*status.*limit/);
  });
});
