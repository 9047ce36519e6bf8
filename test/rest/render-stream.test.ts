import { create, type Message } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { HttpBodySchema } from "#gen/google/api/httpbody_pb.ts";
import type { StreamEvents } from "#src/rest/message-stream.ts";
import { compileRenderer } from "#src/rest/render-response.ts";
import { BookEventSchema } from "../gen/transcoder/v1/library_pb.ts";
import { bindingOf } from "./bindings.ts";
import { Source, turn } from "./stream-source.ts";

const watch = compileRenderer(bindingOf("GET /v1/{parent=shelves/*}/books:watch"));
const follow = compileRenderer(bindingOf("GET /v1/{parent=shelves/*}/books:follow"));
const file = compileRenderer(bindingOf("GET /v1/streams/{path=**}"));

const SSE = "text/event-stream";
const NDJSON = "application/x-ndjson";
const ARRAY = "application/json";
const BOOM = new Error("boom");
const UNWRITABLE = create(BookEventSchema, { book: { publishedAt: { seconds: 253_402_300_800n } } });
const PROBLEM = '{"code":"INTERNAL","note":"a\\nb"}';

type Item = Message | Error;
type Row = readonly [accept: string, items: readonly Item[], body: string, because: string];

const BODIES: readonly Row[] = [
  [ARRAY, [], "[]", "an empty stream is an empty array"],
  [NDJSON, [], "", "no lines"],
  [SSE, [], "", "no events: EventSource connects again"],
  [ARRAY, [event("1")], '[{"event_id":"1"}]', "one message is an array too"],
  [ARRAY, [event("1"), event("2")], '[{"event_id":"1"},{"event_id":"2"}]', "a comma between; grpc-gateway sends lines"],
  [NDJSON, [event("1"), event("2")], '{"event_id":"1"}\n{"event_id":"2"}\n', "each line ends, the last one too"],
  [SSE, [event("1"), event("2")], 'data: {"event_id":"1"}\n\ndata: {"event_id":"2"}\n\n', "a blank line ends an event"],
  [
    SSE,
    [event("a\nb\r\nc\u2028")],
    'data: {"event_id":"a\\nb\\r\\nc\u2028"}\n\n',
    "line breaks are escaped: one data line",
  ],
  [NDJSON, [event("a\nb")], '{"event_id":"a\\nb"}\n', "so a line is a message"],
  [
    ARRAY,
    [event("1"), BOOM],
    `[{"event_id":"1"},{"error":${PROBLEM}}]`,
    "a problem is the last item: still valid JSON",
  ],
  [NDJSON, [event("1"), BOOM], `{"event_id":"1"}\n{"error":${PROBLEM}}\n`, "the last line; grpc-gateway does the same"],
  [SSE, [event("1"), BOOM], `data: {"event_id":"1"}\n\nevent: error\ndata: ${PROBLEM}\n\n`, "an event of its own"],
  [
    NDJSON,
    [event("1"), UNWRITABLE],
    `{"event_id":"1"}\n{"error":${PROBLEM}}\n`,
    "what JSON cannot express is an error",
  ],
];

describe("bodies", () => {
  for (const [accept, items, body, because] of BODIES) {
    test(`${accept} → ${JSON.stringify(body).slice(0, 60)}: ${because}`, async () => {
      const response = await watch.stream(streamOf(items), { accept, ...EVENTS });
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe(accept);
      expect(await response.text()).toBe(body);
    });
  }

  test("response_body is taken of each message; an absent one is as in a unary answer", async () => {
    const messages = streamOf([create(BookEventSchema, { book: {} }), create(BookEventSchema)]);
    const text = await (await follow.stream(messages, { accept: NDJSON, ...EVENTS })).text();
    expect(text.split("\n").map((line) => line.slice(0, 10))).toEqual(['{"name":""', "{}", ""]);
  });
});

describe("headers", () => {
  const rows: readonly (readonly [accept: string, headers: object, because: string])[] = [
    [SSE, { "cache-control": "no-store", "x-accel-buffering": "no", vary: "accept" }, "no proxy keeps or collects it"],
    [NDJSON, { "cache-control": "no-store", "x-accel-buffering": "no", vary: "accept" }, "read as it comes, as well"],
    [ARRAY, { vary: "accept" }, "an array is read as a whole"],
  ];
  for (const [accept, headers, because] of rows) {
    test(`${accept}: ${because}`, async () => {
      const response = await watch.stream(streamOf([event("1")]), { accept, ...EVENTS });
      expect(Object.fromEntries(response.headers)).toEqual({ ...headers, "content-type": accept });
    });
  }

  test("what the implementation set before its first message goes out", async () => {
    const responseHeader = new Headers();
    async function* messages() {
      responseHeader.set("x-shelf", "1");
      yield event("1");
    }
    const response = await watch.stream(messages(), { accept: SSE, responseHeader, ...EVENTS });
    expect(response.headers.get("x-shelf")).toBe("1");
    expect(response.headers.get("content-type")).toBe(SSE);
  });
});

describe("an error before the first message", () => {
  test("is the caller's to answer with a real status", async () => {
    await expect(watch.stream(streamOf([BOOM]), { accept: SSE, ...EVENTS })).rejects.toBe(BOOM);
  });

  test("so is a first message that JSON cannot express, and the upstream is let go", async () => {
    const source = new Source([UNWRITABLE, event("2")]);
    const answer = watch.stream(source, { accept: SSE, ...EVENTS });
    await expect(answer).rejects.toMatchObject({ errorCode: "UPSTREAM_ERROR" });
    expect(source.returned).toBe(1);
  });

  test("there is no answer until the stream has spoken", async () => {
    const source = new Source([event("1")]);
    source.hold();
    let answered = false;
    const answer = watch.stream(source, { accept: SSE, ...EVENTS }).then((response) => {
      answered = true;
      return response;
    });
    await turn();
    expect(answered).toBe(false);
    source.release();
    expect((await answer).status).toBe(200);
  });
});

describe("backpressure", () => {
  test("a message is asked for when the client reads, and not before", async () => {
    const source = new Source([event("1"), event("2"), event("3")]);
    const response = await watch.stream(source, { accept: NDJSON, ...EVENTS });
    await turn();
    expect(source.asked).toBe(1);
    const reader = response.body!.getReader();
    await reader.read();
    await turn();
    expect(source.asked).toBe(1);
    await reader.read();
    await turn();
    expect(source.asked).toBe(2);
  });

  test("a message is sent as soon as it is there, not with the next one", async () => {
    const source = new Source([event("1"), event("2")]);
    const response = await watch.stream(source, { accept: ARRAY, ...EVENTS });
    source.hold();
    const { value } = await response.body!.getReader().read();
    expect(new TextDecoder().decode(value)).toBe('[{"event_id":"1"}');
  });
});

describe("a client that goes away", () => {
  test("ends the iterator: upstream hears of it", async () => {
    const source = new Source([event("1"), event("2")]);
    const response = await watch.stream(source, { accept: SSE, ...EVENTS });
    await response.body!.cancel();
    expect(source.returned).toBe(1);
    expect(source.asked).toBe(1);
  });

  test("between two messages: the rpc's signal is what a silent upstream hears", async () => {
    const source = new Source([event("1"), event("2")]);
    const controller = new AbortController();
    controller.signal.addEventListener("abort", () => source.fail(new Error("aborted")));
    const told: unknown[] = [];
    const response = await watch.stream(source, {
      accept: SSE,
      problemOf: (error) => {
        told.push(error);
        return { body: {} };
      },
      onEnd: () => controller.abort(),
    });
    const reader = response.body!.getReader();
    await reader.read();
    source.hold();
    const pending = reader.read();
    await reader.cancel();
    expect((await pending).done).toBe(true);
    await turn();
    expect(controller.signal.aborted).toBe(true);
    expect(source.returned).toBe(1);
    expect(told).toEqual([]);
  });

  test("and a message that comes after all goes nowhere", async () => {
    const source = new Source([event("1"), event("2")]);
    const response = await watch.stream(source, { accept: SSE, ...EVENTS });
    const reader = response.body!.getReader();
    await reader.read();
    source.hold();
    const pending = reader.read();
    await reader.cancel();
    source.release();
    await turn();
    expect((await pending).done).toBe(true);
  });

  test("an end that fails is nobody's problem", async () => {
    const source = new Source([event("1")], new Error("already gone"));
    const response = await watch.stream(source, { accept: SSE, ...EVENTS });
    await response.body!.cancel();
    await turn();
    expect(source.returned).toBe(1);
  });

  test("an iterator without return() is left alone", async () => {
    const messages = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: event("1") }) }) };
    const response = await watch.stream(messages as AsyncIterable<Message>, { accept: SSE, ...EVENTS });
    await response.body!.cancel();
  });
});

describe("an error after the first message", () => {
  test("is told once to the caller, whose log is the only one that hears of it", async () => {
    const told: unknown[] = [];
    const problemOf: StreamEvents["problemOf"] = (error) => {
      told.push(error);
      return { body: {} };
    };
    await (await watch.stream(streamOf([event("1"), BOOM]), { accept: SSE, problemOf })).text();
    expect(told).toEqual([BOOM]);
  });

  test("a message that JSON cannot express ends the upstream", async () => {
    const source = new Source([event("1"), UNWRITABLE, event("3")]);
    await (await watch.stream(source, { accept: SSE, ...EVENTS })).text();
    expect(source.returned).toBe(1);
    expect(source.asked).toBe(2);
  });
});

describe("HttpBody", () => {
  test("is bytes, whatever Accept says, and the first content type stands for all", async () => {
    const messages = streamOf([bytes("text/csv", "a,"), bytes("text/html", "b"), bytes("", "\n")]);
    const response = await file.stream(messages, { accept: SSE, ...EVENTS });
    expect(Object.fromEntries(response.headers)).toEqual({ "content-type": "text/csv" });
    expect(await response.text()).toBe("a,b\n");
  });

  test("messages without bytes are no chunks, and do not end the body", async () => {
    const messages = streamOf([bytes("text/csv", ""), bytes("", ""), bytes("", "x"), bytes("", ""), bytes("", "y")]);
    expect(await (await file.stream(messages, { accept: null, ...EVENTS })).text()).toBe("xy");
  });

  test("no messages are no bytes of unknown type", async () => {
    const response = await file.stream(streamOf([]), { accept: null, ...EVENTS });
    expect(response.headers.get("content-type")).toBe("application/octet-stream");
    expect(await response.text()).toBe("");
  });

  test("an error breaks it off: a problem in a file would be a wrong file", async () => {
    const told: unknown[] = [];
    const problemOf: StreamEvents["problemOf"] = (error) => {
      told.push(error);
      return { body: {} };
    };
    const response = await file.stream(streamOf([bytes("text/csv", "a"), BOOM]), { accept: null, problemOf });
    await expect(response.text()).rejects.toThrow("The answer broke off.");
    expect(told).toEqual([BOOM]);
  });
});

const EVENTS: StreamEvents = { problemOf: () => ({ body: { code: "INTERNAL", note: "a\nb" } }) };

function event(eventId: string) {
  return create(BookEventSchema, { eventId });
}

function bytes(contentType: string, data: string) {
  return create(HttpBodySchema, { contentType, data: new TextEncoder().encode(data) });
}

async function* streamOf(items: readonly Item[]): AsyncGenerator<Message> {
  for (const item of items) {
    if (item instanceof Error) throw item;
    yield item;
  }
}
