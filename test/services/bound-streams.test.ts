import { describe, expect, test } from "vitest";
import { boundStreams } from "#src/services/bound-streams.ts";
import { LibraryService } from "../gen/transcoder/v1/library_pb.ts";

type Call = (...args: unknown[]) => unknown;

function setUp(watchBooks: () => AsyncIterable<unknown>) {
  const stopping = new AbortController();
  const service = { getBook: async () => ({ title: "Dune" }), watchBooks };
  const wrapped = boundStreams(new Map([[LibraryService, service]]), { stopping: stopping.signal, now: Date.now }).get(
    LibraryService,
  );
  const { getBook, watchBooks: watch } = wrapped as Record<string, Call>;
  return { stop: () => stopping.abort(), getBook: getBook!, watch: () => watch!() as AsyncGenerator<unknown> };
}

async function all(messages: AsyncIterable<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const message of messages) seen.push(message);
  return seen;
}

const STOPPING = { errorCode: "SERVICE_UNAVAILABLE", retryAfterSeconds: 1 };

describe("a stream", () => {
  test("passes whole while the process runs", async () => {
    const { watch } = setUp(async function* () {
      yield 1;
      yield 2;
    });
    expect(await all(watch())).toEqual([1, 2]);
  });

  test("that is silent ends as soon as the process stops, and says that the client may come again (R-33)", async () => {
    let released = false;
    const { stop, watch } = setUp(() => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          released = true;
          return { done: true, value: undefined };
        },
      }),
    }));
    const next = watch().next();
    stop();
    await expect(next).rejects.toMatchObject(STOPPING);
    expect(released, "what it read from is let go").toBe(true);
  });

  test("that begins while the process stops ends at once", async () => {
    const { stop, watch } = setUp(async function* () {
      await new Promise(() => {});
    });
    stop();
    await expect(watch().next()).rejects.toMatchObject(STOPPING);
  });

  test("whose end nobody can bring about holds nothing up, and what fails in that is nobody's", async () => {
    const { stop, watch } = setUp(() => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: () => Promise.reject(new Error("too late")),
      }),
    }));
    const next = watch().next();
    stop();
    await expect(next).rejects.toMatchObject(STOPPING);
  });

  test("that its reader leaves lets go of what it read from", async () => {
    let released = false;
    const { watch } = setUp(async function* () {
      try {
        yield 1;
        yield 2;
      } finally {
        released = true;
      }
    });
    for await (const _ of watch()) break;
    expect(released).toBe(true);
  });

  test("that fails fails as it did", async () => {
    const { watch } = setUp(async function* () {
      yield 1;
      throw new Error("broken");
    });
    await expect(all(watch())).rejects.toThrow("broken");
  });
});

test("what answers once is as it was, also while the process stops", async () => {
  const { stop, getBook } = setUp(async function* () {});
  stop();
  expect(await getBook()).toEqual({ title: "Dune" });
});
