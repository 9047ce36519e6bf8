import { createContextValues } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MatchingService } from "#gen/gateway/v1/matching_pb.ts";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { requestContextKey } from "#src/context.ts";
import { LONGEST_STREAM_MS } from "#src/contract/stream-life.ts";
import { boundStreams } from "#src/services/bound-streams.ts";
import { MAX_STREAMS_PER_USER } from "#src/services/open-streams.ts";
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

describe("a stream of events", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** A caller whose token lasts so long, and whose events never come. */
  function setUpEvents({ tokenMs = 24 * 3_600_000 } = {}) {
    let released = 0;
    const stopping = new AbortController();
    const silent = () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => {
          released += 1;
          return { done: true, value: undefined };
        },
      }),
    });
    const bounded = boundStreams(new Map([[MatchingService, { watchProposals: silent }]]), {
      stopping: stopping.signal,
      now: Date.now,
    }).get(MatchingService) as Record<string, Call>;
    const watch = (userId = "usr_a") => {
      const expiresAtSeconds = (Date.now() + tokenMs) / 1000;
      const caller = {
        userId,
        role: Role.DEVELOPER,
        sessionId: "s",
        tokenId: "t",
        issuedAtSeconds: 0,
        expiresAtSeconds,
      };
      const request = {
        requestId: "r",
        traceparent: undefined,
        deadlineAtMs: Date.now() + 30_000,
        caller,
        note: () => {},
        cacheUses: [],
      };
      const values = createContextValues().set(requestContextKey, request);
      return bounded.watchProposals!({}, { values }) as AsyncGenerator<unknown>;
    };
    return { watch, stop: () => stopping.abort(), released: () => released };
  }

  test.each([
    [24 * 3_600_000, LONGEST_STREAM_MS, "a token that lasts is looked at again after a while"],
    [60_000, 60_000, "nobody hears more than their token lets them"],
  ])("of a token that lasts %d ms ends in peace after %d: %s", async (tokenMs, lifeMs) => {
    const { watch, released } = setUpEvents({ tokenMs });
    const next = watch().next();
    let ended = false;
    void next.then(() => {
      ended = true;
    });
    await vi.advanceTimersByTimeAsync(lifeMs - 1);
    expect(ended).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await next).toEqual({ done: true, value: undefined });
    expect(released(), "what it read from is let go").toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("outlives the deadline of its request", async () => {
    const { watch } = setUpEvents();
    const next = watch().next();
    let ended = false;
    void next.then(() => {
      ended = true;
    });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ended).toBe(false);
  });

  test("R-33: ends with the process, and says that the client may come again; no timer stays", async () => {
    const { watch, stop } = setUpEvents();
    const next = watch().next();
    await vi.advanceTimersByTimeAsync(0);
    stop();
    await expect(next).rejects.toMatchObject(STOPPING);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is one of a few that one user has, and frees its place however it ends", async () => {
    const { watch } = setUpEvents({ tokenMs: 60_000 });
    const open = Array.from({ length: MAX_STREAMS_PER_USER }, () => watch().next());
    await expect(watch().next()).rejects.toMatchObject({ errorCode: "RATE_LIMIT_EXCEEDED" });
    void watch("usr_b").next();
    await vi.advanceTimersByTimeAsync(60_000);
    await Promise.all(open);
    void watch().next();
  });

  test("of nobody is refused", async () => {
    const { watch } = setUpEvents();
    const values = createContextValues().set(requestContextKey, undefined);
    const bounded = boundStreams(new Map([[MatchingService, { watchProposals: () => watch() }]]), {
      stopping: new AbortController().signal,
      now: Date.now,
    }).get(MatchingService) as Record<string, Call>;
    await expect((bounded.watchProposals!({}, { values }) as AsyncGenerator<unknown>).next()).rejects.toThrow();
  });
});
