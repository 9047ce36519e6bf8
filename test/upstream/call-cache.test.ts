import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { RespondToProposalResponseSchema } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { GetTaskResponseSchema, ListTasksResponseSchema, TaskService } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { GetDeveloperProfileResponseSchema } from "#gen/platform/users/v1/users_pb.ts";
import { callSettingsOf } from "#src/contract/call-policy.ts";
import { type ErrorCode, GatewayError } from "#src/errors.ts";
import { openCache, startClock, turn } from "../support/cache-under-test.ts";
import { gatewayErrorOf, outline } from "../support/upstream.ts";

// The policies are the platform's own: GetTask 5 s, on error 300 s; GetDeveloperProfile 5 s, and 5 s more while a new
// one is fetched.

const task = (title: string) => create(GetTaskResponseSchema, { task: { taskId: "tsk_1", title, skillTags: ["go"] } });
const profile = (bio: string) => create(GetDeveloperProfileResponseSchema, { profile: { userId: "usr_1", bio } });
const getTask = { taskId: "tsk_1" };
const outage = (code: ErrorCode = "SERVICE_UNAVAILABLE") => new GatewayError(code, "x");

/** A cache that has the task's first version since `clock.now`. */
async function filled(changes: Parameters<typeof openCache>[1] = {}) {
  const clock = startClock();
  const cache = openCache(clock, changes);
  const first = cache.call("getTask", getTask);
  cache.arrived[0]!.answer(task("first"));
  await first.answer;
  return { clock, cache };
}

describe("an answer", () => {
  test("is given again while it is fresh, and fetched anew afterwards", async () => {
    const { clock, cache } = await filled();
    clock.advance(4.999);
    const hit = cache.call("getTask", getTask);
    expect(await hit.answer).toEqual(task("first"));
    expect(hit.uses).toEqual([{ outcome: "hit", ageSeconds: 4, ttlSeconds: 1 }]);
    clock.advance(0.001);
    const miss = cache.call("getTask", getTask);
    cache.arrived[1]!.answer(task("second"));
    expect(await miss.answer).toEqual(task("second"));
    expect(miss.uses).toEqual([{ outcome: "miss", ageSeconds: 0, ttlSeconds: 0 }]);
    expect(cache.metrics.render()).toContain(
      'gateway_cache_requests_total{service="task-service",method="GetTask",outcome="hit"} 1\n',
    );
  });

  test("ages from when the service was asked, not from when it answered", async () => {
    const clock = startClock();
    const cache = openCache(clock);
    const first = cache.call("getTask", getTask);
    clock.advance(4);
    cache.arrived[0]!.answer(task("first"));
    await first.answer;
    clock.advance(1);
    cache.call("getTask", getTask);
    expect(cache.arrived).toHaveLength(2);
  });

  test.each([
    [0, 4.5],
    [1, 5.5],
  ])("with random %d is fresh for %d s: instances must not come back together", async (random, seconds) => {
    const { clock, cache } = await filled({ random: () => random });
    clock.advance(seconds - 0.001);
    cache.call("getTask", getTask);
    expect(cache.arrived).toHaveLength(1);
    clock.advance(0.001);
    cache.call("getTask", getTask);
    expect(cache.arrived).toHaveLength(2);
  });

  test("is not young again where the clock is set back", async () => {
    const { clock, cache } = await filled();
    clock.advance(-3_600);
    cache.call("getTask", getTask);
    expect(cache.arrived).toHaveLength(2);
  });

  test("is fresh no longer than CACHE_TTL", async () => {
    const { clock, cache } = await filled({ ttlSeconds: 2 });
    clock.advance(2);
    cache.call("getTask", getTask);
    expect(cache.arrived).toHaveLength(2);
  });

  test("is of its request alone", async () => {
    const { cache } = await filled();
    cache.call("getTask", { taskId: "tsk_2" });
    cache.call("listTasks", { clientId: "tsk_1" });
    cache.call("listTasks", { assigneeId: "tsk_1" });
    expect(cache.arrived).toHaveLength(4);
  });

  test("cannot be changed by whom it is given to", async () => {
    const { cache } = await filled();
    const given = (await cache.call("getTask", getTask).answer) as ReturnType<typeof task>;
    expect(() => given.task!.skillTags.push("rust")).toThrow(TypeError);
    expect(() => {
      given.task!.title = "mine";
    }).toThrow(TypeError);
  });

  test.each<[what: string, changes: Parameters<typeof openCache>[1], fresh: boolean]>([
    ["CACHE_TTL is 0", { ttlSeconds: 0 }, false],
    ["something is decided on it", {}, true],
  ])("is neither kept nor taken where %s", async (_what, changes, fresh) => {
    const clock = startClock();
    const cache = openCache(clock, changes);
    cache.answerBy(async () => task("x"));
    for (let n = 0; n < 3; n++) {
      const { answer, uses } = cache.call("getTask", getTask, { fresh });
      await answer;
      expect(uses).toEqual([]);
    }
    expect(cache.arrived).toHaveLength(3);
  });

  test("is not kept without a policy", async () => {
    const cache = openCache(startClock());
    cache.call("listProposals", {});
    cache.call("listProposals", {});
    expect(cache.arrived).toHaveLength(2);
  });

  test("is not kept where it is large", async () => {
    const cache = openCache(startClock());
    cache.answerBy(async () => task("x".repeat(257 * 1024)));
    await cache.call("getTask", getTask).answer;
    await cache.call("getTask", getTask).answer;
    expect(cache.arrived).toHaveLength(2);
  });

  test("is not kept where a tag cannot be told: no write could end it", async () => {
    const cache = openCache(startClock());
    const { cache: policy, ...settings } = callSettingsOf(TaskService.method.getTask);
    const tags = [...policy!.tags, { source: "x:{unset}", tagOf: () => undefined }];
    for (let n = 0; n < 2; n++)
      cache.call("getTask", getTask, { settings: { ...settings, cache: { ...policy!, tags } } });
    cache.arrived[0]!.answer(task("first"));
    await turn();
    cache.call("getTask", getTask, { settings: { ...settings, cache: { ...policy!, tags } } });
    expect(cache.arrived).toHaveLength(2);
  });

  test("is not looked for where the request is large", async () => {
    const cache = openCache(startClock());
    cache.answerBy(async () => create(ListTasksResponseSchema));
    const request = { skillTags: Array.from({ length: 50 }, (_, n) => `${n}`.padStart(64, "x")) };
    await cache.call("listTasks", request).answer;
    await cache.call("listTasks", request).answer;
    expect(cache.arrived).toHaveLength(2);
  });

  test("that lacks the very thing is not kept, and leaves the old one for an outage; an empty list is an answer", async () => {
    const { clock, cache } = await filled();
    clock.advance(5);
    for (const index of [1, 2]) {
      const hollow = cache.call("getTask", getTask);
      cache.arrived[index]!.answer(create(GetTaskResponseSchema));
      expect(await hollow.answer).toEqual(create(GetTaskResponseSchema));
    }
    const old = cache.call("getTask", getTask);
    cache.arrived[3]!.fail(outage());
    expect(await old.answer).toEqual(task("first"));
    const list = cache.call("listTasks", {});
    cache.arrived[4]!.answer(create(ListTasksResponseSchema));
    await list.answer;
    expect(await cache.call("listTasks", {}).answer).toEqual(create(ListTasksResponseSchema));
  });

  test("that is an error is never kept", async () => {
    const clock = startClock();
    const cache = openCache(clock);
    cache.answerBy(async () => {
      throw outage("NOT_FOUND");
    });
    for (let n = 0; n < 2; n++) await gatewayErrorOf(cache.call("getTask", getTask).answer);
    expect(cache.arrived).toHaveLength(2);
  });
});

test("nobody joins, after a write, what began before it, however much is under way", async () => {
  const cache = openCache(startClock());
  cache.call("getTask", getTask);
  for (let n = 0; n < 1_000; n++) cache.call("getTask", { taskId: `tsk_other_${n}` });
  const written = cache.call("updateTask", getTask);
  cache.arrived.at(-1)!.answer(create(EmptySchema));
  await written.answer;
  cache.call("getTask", getTask);
  expect(cache.arrived).toHaveLength(1_003);
});

test("a write is kept alive until what it touches is forgotten, also where its client has left", async () => {
  const { cache } = await filled();
  const written = cache.call("updateTask", getTask);
  expect(cache.background).toHaveLength(1);
  cache.arrived[1]!.fail(outage("CANCELLED"));
  await cache.background[0];
  expect((await gatewayErrorOf(written.answer)).errorCode).toBe("CANCELLED");
  cache.call("getTask", getTask);
  expect(cache.arrived).toHaveLength(3);
});

describe("many calls at once", () => {
  test("R-18: 500 that find nothing fresh make one call of the service", async () => {
    const { clock, cache } = await filled();
    clock.advance(60);
    const calls = Array.from({ length: 500 }, () => cache.call("getTask", getTask));
    await turn();
    expect(cache.arrived).toHaveLength(2);
    cache.arrived[1]!.answer(task("second"));
    for (const { answer } of calls) expect(await answer).toEqual(task("second"));
    const outcomes = calls.map(({ uses }) => uses[0]!.outcome);
    expect(outcomes.filter((outcome) => outcome === "miss")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "joined")).toHaveLength(499);
  });

  test("share its failure too", async () => {
    const cache = openCache(startClock());
    const calls = [cache.call("getTask", getTask), cache.call("getTask", getTask)];
    cache.arrived[0]!.fail(outage("NOT_FOUND"));
    for (const { answer } of calls) expect((await gatewayErrorOf(answer)).errorCode).toBe("NOT_FOUND");
    expect(cache.arrived).toHaveLength(1);
  });

  test("are not held up by the client of the first, who leaves", async () => {
    const cache = openCache(startClock());
    const client = new AbortController();
    const first = cache.call("getTask", getTask, { signal: client.signal });
    const second = cache.call("getTask", getTask);
    client.abort();
    expect(outline(await gatewayErrorOf(first.answer))).toEqual(["CANCELLED", 499]);
    expect(cache.arrived[0]!.call.signal.aborted, "somebody waits").toBe(false);
    cache.arrived[0]!.answer(task("first"));
    expect(await second.answer).toEqual(task("first"));
  });

  test("end with their clients: when the last has left, the service is told to stop, and the next call begins anew", async () => {
    const cache = openCache(startClock());
    const clients = [new AbortController(), new AbortController()];
    const calls = clients.map(({ signal }) => cache.call("getTask", getTask, { signal }));
    for (const client of clients) client.abort();
    for (const { answer } of calls) expect((await gatewayErrorOf(answer)).errorCode).toBe("CANCELLED");
    expect(cache.arrived[0]!.call.signal.aborted).toBe(true);
    const later = cache.call("getTask", getTask);
    expect(cache.arrived).toHaveLength(2);
    cache.arrived[1]!.answer(task("first"));
    expect(await later.answer).toEqual(task("first"));
  });

  test("a client that has left before is not waited for", async () => {
    const cache = openCache(startClock());
    const call = cache.call("getTask", getTask, { signal: AbortSignal.abort() });
    expect((await gatewayErrorOf(call.answer)).errorCode).toBe("CANCELLED");
    expect(cache.arrived[0]?.call.signal.aborted).toBe(true);
  });

  test("each wait no longer than their own time", async () => {
    const clock = startClock();
    const cache = openCache(clock);
    const patient = cache.call("getTask", getTask);
    const hasty = cache.call("getTask", getTask, { deadlineAtMs: clock.now });
    expect(outline(await gatewayErrorOf(hasty.answer))).toEqual(["DEADLINE_EXCEEDED", 504]);
    cache.arrived[0]!.answer(task("first"));
    expect(await patient.answer).toEqual(task("first"));
  });

  test("a call whose time is not over begins anew when that of the first is", async () => {
    const clock = startClock();
    const cache = openCache(clock);
    const hasty = cache.call("getTask", getTask, { deadlineAtMs: clock.now + 1_000 });
    const patient = cache.call("getTask", getTask);
    clock.advance(1);
    cache.arrived[0]!.fail(outage("DEADLINE_EXCEEDED"));
    expect((await gatewayErrorOf(hasty.answer)).errorCode).toBe("DEADLINE_EXCEEDED");
    await turn();
    expect(cache.arrived).toHaveLength(2);
    expect(cache.arrived[1]!.call.deadlineAtMs, "with its own deadline").toBe(clock.now + 4_000);
    cache.arrived[1]!.answer(task("first"));
    expect(await patient.answer).toEqual(task("first"));
  });

  test("without leave to share work each fetches for itself", async () => {
    const cache = openCache(startClock(), { sharesWork: false });
    const client = new AbortController();
    const calls = [cache.call("getTask", getTask, { signal: client.signal }), cache.call("getTask", getTask)];
    expect(cache.arrived).toHaveLength(2);
    expect(cache.arrived[0]!.call.signal).toBe(client.signal);
    for (const { answer } of cache.arrived) answer(task("first"));
    for (const { answer } of calls) expect(await answer).toEqual(task("first"));
    await cache.call("getTask", getTask).answer;
    expect(cache.arrived).toHaveLength(2);
  });
});

describe.each([true, false])("a stale answer, with work that is shared: %s", (sharesWork) => {
  async function stale(changes: Parameters<typeof openCache>[1] = {}) {
    const clock = startClock();
    const cache = openCache(clock, { sharesWork, ...changes });
    const first = cache.call("getDeveloperProfile", { userId: "usr_1" });
    cache.arrived[0]!.answer(profile("first"));
    await first.answer;
    clock.advance(6);
    return { clock, cache, get: () => cache.call("getDeveloperProfile", { userId: "usr_1" }) };
  }

  test("is given at once, while one new one is fetched behind it", async () => {
    const { cache, get } = await stale();
    const calls = Array.from({ length: 20 }, get);
    for (const { answer, uses } of calls) {
      expect(await answer).toEqual(profile("first"));
      expect(uses).toEqual([{ outcome: "revalidating", ageSeconds: 6, ttlSeconds: -1 }]);
    }
    expect(cache.arrived).toHaveLength(2);
    expect(cache.background).toHaveLength(1);
    cache.arrived[1]!.answer(profile("second"));
    await Promise.all(cache.background);
    expect(await get().answer).toEqual(profile("second"));
    expect(cache.arrived).toHaveLength(2);
  });

  test("is fetched with a time of its own, and does not end with the client that it is fetched behind", async () => {
    const { clock, cache } = await stale();
    const client = new AbortController();
    await cache.call("getDeveloperProfile", { userId: "usr_1" }, { signal: client.signal, deadlineAtMs: clock.now + 1 })
      .answer;
    client.abort();
    const { call } = cache.arrived[1]!;
    expect(call.signal.aborted).toBe(false);
    expect(call.deadlineAtMs).toBe(clock.now + 5_000);
    // By it the breaker judges whether a call had its time (guard-with-breaker.ts).
    expect(call.context.deadlineAtMs, "no shorter than a request's").toBe(clock.now + 30_000);
  });

  test("is fetched within UPSTREAM_TIMEOUT, as any request is answered", async () => {
    const { clock, cache, get } = await stale({ upstreamTimeoutMs: 2_500 });
    await get().answer;
    expect(cache.arrived[1]!.call.deadlineAtMs).toBe(clock.now + 2_500);
  });

  test("is not asked for by everybody in turn while the service is down", async () => {
    const { clock, cache, get } = await stale();
    await get().answer;
    cache.arrived[1]!.fail(outage());
    await Promise.all(cache.background);
    await get().answer;
    expect(cache.arrived).toHaveLength(2);
    clock.advance(1);
    await get().answer;
    expect(cache.arrived).toHaveLength(3);
  });

  test("is given no longer than its policy says", async () => {
    const { clock, cache, get } = await stale();
    clock.advance(4);
    get();
    expect(cache.background).toHaveLength(0);
    expect(cache.arrived).toHaveLength(2);
  });
});

describe("R-19: while the service cannot be had", () => {
  test.each<[code: ErrorCode, serves: boolean, why: string]>([
    ["SERVICE_UNAVAILABLE", true, "it is down"],
    ["CIRCUIT_BREAKER_OPEN", true, "it is known to be down"],
    ["DEADLINE_EXCEEDED", true, "it hangs"],
    ["UPSTREAM_ERROR", true, "it answers garbage"],
    ["NOT_FOUND", false, "an answer: it is gone"],
    ["ACCESS_DENIED", false, "an answer"],
    ["UNIMPLEMENTED", false, "an answer"],
    ["RATE_LIMIT_EXCEEDED", false, "the client should slow down"],
    ["CANCELLED", false, "nobody is there to read it"],
    ["INTERNAL", false, "our own bug must show"],
  ])("%s: an old answer serves: %s (%s)", async (code, serves) => {
    const { clock, cache } = await filled();
    clock.advance(100);
    const { answer, uses } = cache.call("getTask", getTask);
    cache.arrived[1]!.fail(outage(code));
    if (serves) {
      expect(await answer).toEqual(task("first"));
      expect(uses).toEqual([{ outcome: "stale-on-error", ageSeconds: 100, ttlSeconds: -95 }]);
    } else {
      expect((await gatewayErrorOf(answer)).errorCode).toBe(code);
    }
  });

  test("an old answer serves to its bound, and not beyond", async () => {
    const { clock, cache } = await filled();
    cache.answerBy(async () => {
      throw outage();
    });
    clock.advance(304.999);
    expect(await cache.call("getTask", getTask).answer).toEqual(task("first"));
    clock.advance(0.001);
    expect(outline(await gatewayErrorOf(cache.call("getTask", getTask).answer))).toEqual(["SERVICE_UNAVAILABLE", 503]);
  });

  test("what is gone does not come back", async () => {
    const { clock, cache } = await filled();
    clock.advance(10);
    const gone = cache.call("getTask", getTask);
    cache.arrived[1]!.fail(outage("NOT_FOUND"));
    await gatewayErrorOf(gone.answer);
    const later = cache.call("getTask", getTask);
    cache.arrived[2]!.fail(outage());
    expect((await gatewayErrorOf(later.answer)).errorCode).toBe("SERVICE_UNAVAILABLE");
  });
});

describe("a write", () => {
  test("that fails may have been done: the next read asks the service", async () => {
    const { cache } = await filled();
    const write = cache.call("updateTask", getTask);
    cache.arrived[1]!.fail(outage());
    await gatewayErrorOf(write.answer);
    cache.call("getTask", getTask);
    expect(cache.arrived).toHaveLength(3);
  });

  test.each<[what: string, of: Parameters<ReturnType<typeof openCache>["call"]>[0], request: object, ends: boolean]>([
    ["a change of the task", "updateTask", getTask, true],
    ["its deletion", "deleteTask", getTask, true],
    ["a change of another task", "updateTask", { taskId: "tsk_2" }, false],
    ["a new task", "createTask", {}, false],
    ["a change of a profile", "updateDeveloperProfile", { userId: "tsk_1" }, false],
  ])("%s: GetTask is asked for again after it: %s", async (_what, name, request, ends) => {
    const { cache } = await filled();
    const write = cache.call(name, request as never);
    cache.arrived[1]!.answer(create(RespondToProposalResponseSchema));
    await write.answer;
    cache.call("getTask", getTask);
    expect(cache.arrived).toHaveLength(ends ? 3 : 2);
  });

  test("that names the thing only in its answer invalidates it too", async () => {
    const { cache } = await filled();
    const write = cache.call("respondToProposal", { proposalId: "prp_1", accept: true });
    cache.arrived[1]!.answer(create(RespondToProposalResponseSchema, { proposal: { taskId: "tsk_1" } }));
    await write.answer;
    cache.call("getTask", getTask);
    expect(cache.arrived).toHaveLength(3);
  });

  test.each(["createTask", "updateTask", "deleteTask"] as const)("%s ends every list of tasks", async (name) => {
    const cache = openCache(startClock());
    cache.answerBy(async () => create(ListTasksResponseSchema));
    await cache.call("listTasks", { clientId: "usr_1" }).answer;
    await cache.call(name, {}).answer;
    await cache.call("listTasks", { clientId: "usr_1" }).answer;
    expect(cache.arrived).toHaveLength(3);
  });

  test.each(["createDeveloperProfile", "updateDeveloperProfile", "updatePresence"] as const)(
    "%s ends the profile, and every list of developers",
    async (name) => {
      const cache = openCache(startClock());
      cache.answerBy(async ({ method }) => create(method.output) as never);
      const read = async () => {
        await cache.call("getDeveloperProfile", { userId: "usr_1" }).answer;
        await cache.call("listOnlineDevelopers", {}).answer;
      };
      await read();
      await cache.call(name, { userId: "usr_1" }).answer;
      await read();
      expect(cache.arrived).toHaveLength(5);
    },
  );

  test("an answer that was asked for before it is not kept after it, and nobody else is given it", async () => {
    const clock = startClock();
    const cache = openCache(clock);
    const before = cache.call("getTask", getTask);
    const write = cache.call("updateTask", getTask);
    cache.arrived[1]!.answer(create(ListTasksResponseSchema));
    await write.answer;
    const after = cache.call("getTask", getTask);
    expect(cache.arrived, "it does not wait for the read before").toHaveLength(3);
    cache.arrived[2]!.answer(task("second"));
    expect(await after.answer).toEqual(task("second"));
    cache.arrived[0]!.answer(task("first"));
    expect(await before.answer).toEqual(task("first"));
    expect(await cache.call("getTask", getTask).answer).toEqual(task("second"));
  });

  test("an answer that was asked for behind a stale one before it is not kept after it", async () => {
    const clock = startClock();
    const cache = openCache(clock);
    const profileOf = { userId: "usr_1" };
    const first = cache.call("getDeveloperProfile", profileOf);
    cache.arrived[0]!.answer(profile("first"));
    await first.answer;
    clock.advance(6);
    await cache.call("getDeveloperProfile", profileOf).answer;
    const write = cache.call("updateDeveloperProfile", profileOf);
    cache.arrived[2]!.answer(create(ListTasksResponseSchema));
    await write.answer;
    cache.arrived[1]!.answer(profile("first"));
    await Promise.all(cache.background);
    cache.call("getDeveloperProfile", profileOf);
    expect(cache.arrived).toHaveLength(4);
  });
});
