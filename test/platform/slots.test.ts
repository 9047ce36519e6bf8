import { expect, test } from "vitest";
import { createSlots } from "#platform/users/slots.ts";

/** A task that ends when it is told to. */
function task() {
  const { promise, resolve } = Promise.withResolvers<string>();
  let started = false;
  return {
    run: () => {
      started = true;
      return promise;
    },
    end: resolve,
    isStarted: () => started,
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("only so many run at once, and the others follow in order", async () => {
  const slots = createSlots({ atOnce: 2, waiting: 10 });
  const tasks = [task(), task(), task(), task()];
  const results = tasks.map(({ run }) => slots.run(run));
  await settled();
  expect(tasks.map(({ isStarted }) => isStarted())).toEqual([true, true, false, false]);
  tasks[1]!.end("b");
  await settled();
  expect(tasks.map(({ isStarted }) => isStarted())).toEqual([true, true, true, false]);
  for (const [index, letter] of ["a", "b", "c", "d"].entries()) tasks[index]!.end(letter);
  expect(await Promise.all(results)).toEqual(["a", "b", "c", "d"]);
});

test("a task that fails gives its slot back", async () => {
  const slots = createSlots({ atOnce: 1, waiting: 10 });
  await expect(slots.run(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await slots.run(() => Promise.resolve("yes"))).toBe("yes");
});

test("whoever finds the line full is refused, whoever leaves it makes room", async () => {
  const slots = createSlots({ atOnce: 1, waiting: 1 });
  const first = task();
  const running = slots.run(first.run);
  const leaving = new AbortController();
  const waiting = slots.run(() => Promise.resolve("never"), leaving.signal);
  await expect(slots.run(() => Promise.resolve("never"))).rejects.toThrow(/too many sign-ins at once/);
  leaving.abort(new Error("gone"));
  await expect(waiting).rejects.toThrow("gone");
  const next = slots.run(() => Promise.resolve("next"));
  first.end("first");
  expect(await Promise.all([running, next])).toEqual(["first", "next"]);
});

test("a call that is already aborted does not begin", async () => {
  const slots = createSlots({ atOnce: 1, waiting: 1 });
  const never = task();
  await expect(slots.run(never.run, AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
  expect(never.isStarted()).toBe(false);
});
