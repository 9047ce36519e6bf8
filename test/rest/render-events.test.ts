import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SILENT_HEAD_MS } from "#src/contract/stream-life.ts";
import { HEARTBEAT_MS, type StreamEvents } from "#src/rest/message-stream.ts";
import { compileRenderer } from "#src/rest/render-response.ts";
import { BookEventSchema } from "../gen/transcoder/v1/library_pb.ts";
import { bindingOf } from "./bindings.ts";
import { readerFor, type Sent } from "./read-request.ts";
import { Source } from "./stream-source.ts";

const follow = compileRenderer(bindingOf("GET /v1/events"));
const PROBLEM = { code: "INTERNAL", note: "a\nb" };

let ended = 0;
let told: unknown[] = [];
const LISTENER: StreamEvents = {
  problemOf(error) {
    told.push(error);
    return { body: PROBLEM };
  },
  onEnd: () => {
    ended += 1;
  },
};

beforeEach(() => {
  ended = 0;
  told = [];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const event = (eventId: string) => create(BookEventSchema, { eventId });

/** Starts an answer from a source that is silent at first. */
function startSilent(source: Source) {
  source.hold();
  return follow.stream(source, { accept: null, ...LISTENER });
}

function textReader(response: Response) {
  const reader = response.body!.getReader();
  return {
    async next() {
      const { value, done } = await reader.read();
      return done ? undefined : new TextDecoder().decode(value);
    },
    cancel: () => reader.cancel(),
  };
}

describe("events", () => {
  test.each([null, "application/json", "application/x-ndjson", "text/event-stream"])(
    "are server-sent events, whatever Accept says (%s), and nothing on the way may keep or collect them",
    async (accept) => {
      const response = await follow.stream(new Source([event("1")]), { accept, ...LISTENER });
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toEqual({
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
    },
  );

  test("have an id each, after a word on when to come again", async () => {
    const response = await follow.stream(new Source([event("1"), event("2")]), { accept: null, ...LISTENER });
    expect(await response.text()).toMatch(
      /^retry: \d+\n\nid: 1\ndata: {"event_id":"1"}\n\nid: 2\ndata: {"event_id":"2"}\n\n$/,
    );
    expect(ended).toBe(1);
  });

  test("those who lose their streams together come again one after the other, in one to three seconds", async () => {
    const waits = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const response = await follow.stream(new Source([]), { accept: null, ...LISTENER });
        return Number(/^retry: (\d+)\n\n$/.exec(await response.text())?.[1]);
      }),
    );
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(3_000);
    expect(new Set(waits).size).toBeGreaterThan(10);
  });

  // Of these one that a client came back with would be another one, or refused, and it would not come a third time.
  const unfit = ["", "a\nid: 2", "a\rb", "a\0b", " a", "a ", "\t", "ä", "€", "123456789"];
  test.each(unfit)("an id that a line or Last-Event-ID cannot carry is left out (%j)", async (id) => {
    const response = await follow.stream(new Source([event(id)]), { accept: null, ...LISTENER });
    expect((await response.text()).split("\n\n")[1]).toBe(`data: ${JSON.stringify({ event_id: id })}`);
  });

  test.each(["12345678", "a b", "~!"])("an id that both can carry is not (%j)", async (id) => {
    const response = await follow.stream(new Source([event(id)]), { accept: null, ...LISTENER });
    expect((await response.text()).split("\n\n")[1]).toBe(`id: ${id}\ndata: ${JSON.stringify({ event_id: id })}`);
  });

  test("a failure is the last event, and whoever listens hears the problem once", async () => {
    const failing = new Source([event("1")]);
    const response = await follow.stream(failing, { accept: null, ...LISTENER });
    const reader = textReader(response);
    await reader.next();
    await reader.next();
    failing.hold();
    const last = reader.next();
    const boom = new Error("boom");
    failing.fail(boom);
    expect(await last).toBe(`event: error\ndata: ${JSON.stringify(PROBLEM)}\n\n`);
    expect(await reader.next()).toBeUndefined();
    expect([told, ended, failing.returned]).toEqual([[boom], 1, 1]);
  });
});

describe("while nothing happens", () => {
  test("the answer begins after a second, and the first event is not lost", async () => {
    const source = new Source([event("1")]);
    const answer = startSilent(source);
    let begun = false;
    void answer.then(() => {
      begun = true;
    });
    await vi.advanceTimersByTimeAsync(SILENT_HEAD_MS - 1);
    expect(begun).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    const reader = textReader(await answer);
    expect(await reader.next()).toMatch(/^retry: /);
    const first = reader.next();
    source.release();
    expect(await first).toBe('id: 1\ndata: {"event_id":"1"}\n\n');
  });

  test("what refuses within that second has a status", async () => {
    const source = new Source([]);
    const answer = startSilent(source);
    source.fail(new Error("refused"));
    await expect(answer).rejects.toThrow("refused");
  });

  test("a comment now and then shows that somebody is there, and asks the upstream nothing twice", async () => {
    const source = new Source([event("1")]);
    const answer = startSilent(source);
    await vi.advanceTimersByTimeAsync(SILENT_HEAD_MS);
    const reader = textReader(await answer);
    await reader.next();
    for (let beat = 0; beat < 3; beat++) {
      const comment = reader.next();
      await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
      expect(await comment).toBe(":\n\n");
    }
    expect(source.asked).toBe(1);
    source.release();
    expect(await reader.next()).toBe('id: 1\ndata: {"event_id":"1"}\n\n');
  });

  test("a reader that leaves is told on, and no timer goes on after the upstream has heard", async () => {
    const source = new Source([event("1")]);
    const answer = startSilent(source);
    await vi.advanceTimersByTimeAsync(SILENT_HEAD_MS);
    const reader = textReader(await answer);
    await reader.next();
    const nothing = reader.next();
    await reader.cancel();
    await nothing;
    source.fail(new Error("aborted"));
    await vi.advanceTimersByTimeAsync(0);
    expect([ended, source.returned, told]).toEqual([1, 1, []]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a reader that leaves before it has read anything leaves no failure behind", async () => {
    const source = new Source([]);
    const answer = startSilent(source);
    await vi.advanceTimersByTimeAsync(SILENT_HEAD_MS);
    await (await answer).body!.cancel();
    source.fail(new Error("aborted"));
    await vi.advanceTimersByTimeAsync(0);
    expect([ended, source.returned, told]).toEqual([1, 1, []]);
  });
});

describe("where to go on", () => {
  const read = readerFor("GET /v1/events");

  test.each<readonly [Sent, string, string]>([
    [{ query: "" }, "", "from the beginning"],
    [{ query: "after_event_id=3" }, "3", "the query"],
    [{ lastEventId: "4" }, "4", "the header"],
    [{ query: "after_event_id=3", lastEventId: "4" }, "4", "the header is what a client has heard since"],
  ])("%j is %j: %s", (sent, afterEventId) => {
    expect(read(sent)).toMatchObject({ afterEventId });
  });

  test("the header meets the field's rules", () => {
    expect(read({ lastEventId: "123456789" })).toBe("after_event_id must be at most 8 characters");
  });
});

test("the header is nothing to a route that has no events", () => {
  expect(readerFor("GET /v1/shelves")({ lastEventId: "4" })).toMatchObject({
    $typeName: "transcoder.v1.ListShelvesRequest",
  });
});
