import { resourceExhausted } from "../rpc/refusals.ts";

/** Lets only so many tasks run at once; the others wait in line. */
export interface Slots {
  /** Runs a task when there is a slot. One that is aborted while it waits leaves the line. */
  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/** Slots for `atOnce` tasks and a line of `waiting`; who comes after that is refused. */
export function createSlots({ atOnce, waiting }: { atOnce: number; waiting: number }): Slots {
  let running = 0;
  const line = new Set<() => void>();

  function turn(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (running < atOnce) {
      running++;
      return Promise.resolve();
    }
    if (line.size >= waiting) throw resourceExhausted("too many sign-ins at once; try again shortly");
    return new Promise((resolve, reject) => {
      // The slot passes from the one who leaves to the next in line: `running` stays the same.
      const enter = () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        line.delete(enter);
        reject(signal?.reason);
      };
      line.add(enter);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }

  function free(): void {
    const [next] = line;
    if (next === undefined) {
      running--;
      return;
    }
    line.delete(next);
    next();
  }

  return {
    async run(task, signal) {
      await turn(signal);
      try {
        return await task();
      } finally {
        free();
      }
    },
  };
}
