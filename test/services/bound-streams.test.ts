import { createContextValues } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MatchingService } from "#gen/gateway/v1/matching_pb.ts";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { type Caller, requestContextKey } from "#src/context.ts";
import { LONGEST_STREAM_MS } from "#src/contract/stream-life.ts";
import { boundStreams } from "#src/services/bound-streams.ts";
import { MAX_STREAMS_PER_USER } from "#src/services/open-streams.ts";
import { LibraryService } from "../gen/transcoder/v1/library_pb.ts";
import { requestContext } from "../support/upstream.ts";

type Call = (...args: unknown[]) => unknown;

function setUp(watchBooks: () => AsyncIterable<unknown>) {
  const stopping = new AbortController();
  const service = { getBook: async () => ({ title: "Dune" }), watchBooks };
  const bounds = { stopping: stopping.signal, now: Date.now, isRevoked: () => false, keepAlive: () => {} };
  const wrapped = boundStreams(new Map([[LibraryService, service]]), bounds).get(LibraryService);
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

  interface EventsOptions {
    /** How long the caller's token lasts. */
    readonly tokenMs?: number;
    /** What happens; nothing, unless told. */
    readonly next?: () => Promise<IteratorResult<unknown>>;
  }

  const silence = () => new Promise<never>(() => {});

  function setUpEvents({ tokenMs = 24 * 3_600_000, next = silence }: EventsOptions = {}) {
    let released = 0;
    let revoked = false;
    const stopping = new AbortController();
    const watchProposals = () => ({
      [Symbol.asyncIterator]: () => ({
        next,
        return: async () => {
          released += 1;
          return { done: true, value: undefined };
        },
      }),
    });
    const kept: Promise<void>[] = [];
    const bounds = {
      stopping: stopping.signal,
      now: Date.now,
      isRevoked: () => revoked,
      keepAlive: (work: Promise<void>) => void kept.push(work),
    };
    const bounded = boundStreams(new Map([[MatchingService, { watchProposals }]]), bounds).get(MatchingService);
    const watchAs = (caller: Caller | undefined) => {
      const values = createContextValues().set(
        requestContextKey,
        requestContext(caller === undefined ? {} : { caller }),
      );
      return (bounded as Record<string, Call>).watchProposals!({}, { values }) as AsyncGenerator<unknown>;
    };
    return {
      watchAs,
      watch: (userId = "usr_a") =>
        watchAs({
          userId,
          role: Role.DEVELOPER,
          sessionId: "s",
          tokenId: "t",
          issuedAtSeconds: 0,
          expiresAtSeconds: (Date.now() + tokenMs) / 1000,
        }),
      stop: () => stopping.abort(),
      revoke: () => {
        revoked = true;
      },
      released: () => released,
      kept,
    };
  }

  test.each([
    [24 * 3_600_000, LONGEST_STREAM_MS, "a token that lasts is looked at again after a while"],
    [60_000, 60_000, "nobody hears more than their token lets them"],
  ])("of a token that lasts %d ms ends in peace after %d: %s", async (tokenMs, lifeMs) => {
    const { watch, released, kept } = setUpEvents({ tokenMs });
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
    expect(kept).toHaveLength(1);
    await Promise.all(kept);
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

  test("is one of a few: whoever opens one more ends the first of theirs, which hears why", async () => {
    const { watch, released } = setUpEvents();
    const [first, ...others] = Array.from({ length: MAX_STREAMS_PER_USER }, () => watch().next());
    for (const other of others) void other.catch(() => expect.fail("only the first is ended"));
    void watch("usr_b").next();
    await vi.advanceTimersByTimeAsync(0);
    expect(released()).toBe(0);
    void watch().next();
    await expect(first).rejects.toMatchObject({ errorCode: "RATE_LIMIT_EXCEEDED" });
    expect(released()).toBe(1);
  });

  test("leaves its place however it ends", async () => {
    const { watch, stop } = setUpEvents({ tokenMs: 60_000 });
    const open = Array.from({ length: MAX_STREAMS_PER_USER }, () => watch().next());
    await vi.advanceTimersByTimeAsync(60_000);
    await Promise.all(open);
    const later = Array.from({ length: MAX_STREAMS_PER_USER }, () => watch().next());
    await vi.advanceTimersByTimeAsync(0);
    stop();
    for (const each of later) await expect(each).rejects.toMatchObject(STOPPING);
  });

  describe("whose reader has stopped reading", () => {
    const endings = [
      ["its time is up", () => vi.advanceTimersByTimeAsync(60_000), undefined],
      ["the process stops", ({ stop }: ReturnType<typeof setUpEvents>) => stop(), STOPPING],
      [
        "there are too many",
        ({ watch }: ReturnType<typeof setUpEvents>) => {
          for (let n = 0; n < MAX_STREAMS_PER_USER; n++) void watch().next();
        },
        { errorCode: "RATE_LIMIT_EXCEEDED" },
      ],
    ] as const;
    test.each(endings)("lets go what it read from when %s, and hears of it when it reads again", async (...row) => {
      const [, end, lastWord] = row;
      const world = setUpEvents({ tokenMs: 60_000, next: async () => ({ done: false, value: 1 }) });
      const events = world.watch();
      await events.next();
      await end(world);
      await vi.advanceTimersByTimeAsync(0);
      expect(world.released()).toBe(1);
      const last = events.next();
      if (lastWord === undefined) expect(await last).toEqual({ done: true, value: undefined });
      else await expect(last).rejects.toMatchObject(lastWord);
      expect(world.released(), "and once").toBe(1);
      await world.kept[0];
    });
  });

  test("tells nothing more to who has signed out here, and ends in peace", async () => {
    let event = 0;
    const next = async () => ({ done: false, value: ++event });
    const { watch, revoke, released } = setUpEvents({ next });
    const events = watch();
    expect(await events.next()).toEqual({ done: false, value: 1 });
    revoke();
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect([released(), vi.getTimerCount()]).toEqual([1, 0]);
  });

  test("of nobody is refused", async () => {
    const { watchAs } = setUpEvents();
    await expect(watchAs(undefined).next()).rejects.toMatchObject({ errorCode: "AUTHENTICATION_FAILED" });
  });
});
