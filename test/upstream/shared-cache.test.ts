import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { GetTaskResponseSchema } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { GetDeveloperProfileResponseSchema } from "#gen/platform/users/v1/users_pb.ts";
import { GatewayError } from "#src/errors.ts";
import { createRedisSharedAnswers } from "#src/store/redis-shared-answers.ts";
import { openCache, startClock, turn } from "../support/cache-under-test.ts";
import { createMemoryRedis } from "../support/memory-redis.ts";

// Two instances of the gateway on one store. GetTask: fresh for 5 s, on error 300 s.

const getTask = { taskId: "tsk_1" };
const task = (title: string) => create(GetTaskResponseSchema, { task: { taskId: "tsk_1", title } });
const gone = new GatewayError("NOT_FOUND", "x");
const outage = new GatewayError("SERVICE_UNAVAILABLE", "x");

/** Instances whose service answers what `title` says. */
function open({ sharesWork = true } = {}) {
  const clock = startClock();
  const redis = createMemoryRedis(clock);
  const service = { title: "first", down: false, gone: false };
  const instance = () => {
    const cache = openCache(clock, { sharesWork, shared: createRedisSharedAnswers(redis) });
    cache.answerBy(async ({ method }) => {
      if (service.down) throw outage;
      if (service.gone) throw gone;
      return method.name === "GetTask" ? task(service.title) : create(EmptySchema);
    });
    const read = async () => {
      const { answer, uses } = cache.call("getTask", getTask);
      const { title } = ((await answer) as ReturnType<typeof task>).task!;
      await Promise.all(cache.background);
      return [title, uses[0]!.outcome];
    };
    const write = async (title: string) => {
      service.title = title;
      await cache.call("updateTask", getTask).answer;
    };
    return { ...cache, read, write };
  };
  return { clock, redis, service, a: instance(), b: instance() };
}

test.each([true, false])(
  "what one instance asked for, the other need not (work that is shared: %s)",
  async (sharesWork) => {
    const { clock, a, b } = open({ sharesWork });
    expect(await a.read()).toEqual(["first", "miss"]);
    clock.advance(2);
    const { answer, uses } = b.call("getTask", getTask);
    expect(await answer).toEqual(task("first"));
    expect(uses, "as old as it is").toEqual([{ outcome: "hit", ageSeconds: 2, ttlSeconds: 3 }]);
    expect(b.arrived).toHaveLength(0);
  },
);

test("a write through one instance is seen by the other when it has asked the store, after a second at most", async () => {
  const { clock, redis, a, b } = open();
  await b.read();
  await a.write("second");
  expect(await a.read(), "by the one at once").toEqual(["second", "miss"]);
  clock.advance(0.999);
  const trips = redis.trips.length;
  expect(await b.read(), "its own copy is believed for a second, and costs no round trip").toEqual(["first", "hit"]);
  expect(redis.trips).toHaveLength(trips);
  clock.advance(0.001);
  expect(await b.read()).toEqual(["second", "hit"]);
  expect(b.arrived, "which the first instance had asked for").toHaveLength(1);
});

test("a copy that is still true costs one round trip a second, and no call", async () => {
  const { clock, redis, a } = open();
  await a.read();
  const trips = redis.trips.length;
  for (let n = 0; n < 49; n++) {
    clock.advance(0.1);
    expect(await a.read()).toEqual(["first", "hit"]);
  }
  expect(redis.trips.length - trips).toBe(4);
  expect(a.arrived).toHaveLength(1);
});

test("a read that began before another instance's write is not given to anybody after it", async () => {
  const { clock, a, b } = open();
  b.answerBy(() => new Promise(() => {}));
  const before = b.call("getTask", getTask);
  await turn();
  await a.write("second");
  b.arrived[0]!.answer(task("first"));
  expect(await before.answer, "who began before may have it").toEqual(task("first"));
  await Promise.all(b.background);
  expect(await a.read()).toEqual(["second", "miss"]);
  clock.advance(1);
  expect(await b.read()).toEqual(["second", "hit"]);
});

test("while the store is away each instance has its own, and nobody waits or fails", async () => {
  const { clock, redis, service, a, b } = open();
  await a.read();
  redis.fail("away");
  clock.advance(2);
  expect(await a.read()).toEqual(["first", "hit"]);
  expect(await b.read()).toEqual(["first", "miss"]);
  await a.write("second");
  expect(await a.read()).toEqual(["second", "miss"]);
  expect(await b.read(), "which has no way to know, until its own time is over").toEqual(["first", "hit"]);
  clock.advance(5);
  expect(await b.read()).toEqual(["second", "miss"]);
  redis.fail(undefined);
  service.title = "third";
  clock.advance(5);
  expect(await a.read()).toEqual(["third", "miss"]);
});

test("when the store comes back, what was kept without it is not believed", async () => {
  const { clock, redis, service, a } = open();
  redis.fail("away");
  await a.read();
  redis.fail(undefined);
  service.title = "second";
  clock.advance(1);
  expect(await a.read()).toEqual(["second", "miss"]);
});

test("R-19: an instance that has never seen it has the store's when the service is down, and not what a write has ended", async () => {
  const { clock, service, a, b } = open();
  await a.read();
  clock.advance(100);
  service.down = true;
  expect(await b.read()).toEqual(["first", "stale-on-error"]);
  await expect(a.write("second")).rejects.toBe(outage);
  clock.advance(1);
  await expect(b.read()).rejects.toBe(outage);
});

test("what is gone does not come back out of the store when the service is down", async () => {
  const { clock, redis, service, a, b } = open();
  await a.read();
  clock.advance(5);
  service.gone = true;
  await expect(a.read()).rejects.toBe(gone);
  await Promise.all(a.background);
  const trips = redis.trips.length;
  await expect(a.read()).rejects.toBe(gone);
  expect(redis.trips.length - trips, "a store that has nothing of it is told nothing").toBe(1);
  service.down = true;
  for (const { read } of [a, b]) await expect(read()).rejects.toBe(outage);
});

test("what is no message of ours in the store is no answer", async () => {
  const { redis, a, b } = open();
  await a.read();
  for (const [key, { text, untilMs }] of redis.values) {
    const broken = { ...JSON.parse(text), message: btoa("\u00ff\u00ff\u00ff") };
    redis.values.set(key, { text: JSON.stringify(broken), untilMs });
  }
  expect(await b.read()).toEqual(["first", "miss"]);
});

test("an instance whose clock is ahead makes no answer young", async () => {
  const { clock, redis, a, b } = open();
  await a.read();
  for (const [key, { text, untilMs }] of redis.values) {
    const ahead = { ...JSON.parse(text), askedAtMs: clock.now + 90_000 };
    redis.values.set(key, { text: JSON.stringify(ahead), untilMs });
  }
  const { answer, uses } = b.call("getTask", getTask);
  await answer;
  expect(uses).toEqual([{ outcome: "hit", ageSeconds: 0, ttlSeconds: 5 }]);
});

test.each([true, false])(
  "a store does not multiply what is fetched behind an answer: one at a time, and a pause after a failure (work that is shared: %s)",
  async (sharesWork) => {
    const clock = startClock();
    const shared = createRedisSharedAnswers(createMemoryRedis(clock));
    const cache = openCache(clock, { sharesWork, shared });
    const read = async () => {
      const { answer, uses } = cache.call("getDeveloperProfile", { userId: "usr_1" });
      await answer;
      await turn();
      return uses[0]!.outcome;
    };
    const first = cache.call("getDeveloperProfile", { userId: "usr_1" });
    await turn();
    cache.arrived[0]!.answer(create(GetDeveloperProfileResponseSchema, { profile: { userId: "usr_1" } }));
    await first.answer;
    await Promise.all(cache.background);
    clock.advance(4.5);
    expect(await read(), "and the store has nothing against it").toBe("hit");
    clock.advance(0.5);
    for (let n = 0; n < 3; n++) expect(await read()).toBe("revalidating");
    expect(cache.arrived, "one is under way").toHaveLength(2);
    cache.arrived[1]!.fail(outage);
    await turn();
    for (let n = 0; n < 3; n++) expect(await read()).toBe("revalidating");
    expect(cache.arrived, "and the service is left alone for a while").toHaveLength(2);
  },
);

test("an instance that has to ask the store first gives an old answer in its time of grace, too, and fetches a new one behind it", async () => {
  const clock = startClock();
  const shared = createRedisSharedAnswers(createMemoryRedis(clock));
  const [a, b] = [openCache(clock, { shared }), openCache(clock, { shared })];
  const read = (cache: typeof a) => cache.call("getDeveloperProfile", { userId: "usr_1" });
  const profile = (bio: string) => create(GetDeveloperProfileResponseSchema, { profile: { userId: "usr_1", bio } });
  const first = read(a);
  await turn();
  a.arrived[0]!.answer(profile("first"));
  await first.answer;
  await Promise.all(a.background);
  clock.advance(6);
  for (const cache of [a, b]) {
    const arrived = cache.arrived.length;
    for (let n = 0; n < 2; n++) {
      const { answer, uses } = read(cache);
      expect(await answer).toEqual(profile("first"));
      expect(uses).toEqual([{ outcome: "revalidating", ageSeconds: 6, ttlSeconds: -1 }]);
    }
    await turn();
    expect(cache.arrived, "once").toHaveLength(arrived + 1);
  }
  b.arrived[0]!.answer(profile("second"));
  await Promise.all(b.background);
  expect(await read(b).answer).toEqual(profile("second"));
  clock.advance(1);
  expect(await read(a).answer, "which the store has").toEqual(profile("second"));
});
