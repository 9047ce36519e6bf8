import { describe, expect, test } from "vitest";
import { readBody } from "#src/edge/read-body.ts";
import { refusalOf } from "./refusal.ts";

const MAX = 1_000;
const JSON_TYPE = { "Content-Type": "application/json" };

interface BodySpec {
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit;
  readonly json?: boolean;
}

function read({ headers = JSON_TYPE, body, json = true }: BodySpec) {
  const init = { method: "POST", headers, duplex: "half", ...(body !== undefined && { body }) } as RequestInit;
  return readBody(new Request("http://gateway.test/", init), { maxBytes: MAX, json });
}

/** A body that comes in pieces and says nothing about its length. `pulled` counts the pieces that were asked for. */
function chunked(pieces: Iterable<Uint8Array | Error>) {
  const seen = { pulled: 0, cancelled: false };
  const iterator = pieces[Symbol.iterator]();
  const source: UnderlyingDefaultSource<Uint8Array> = {
    pull(controller) {
      const { done, value } = iterator.next();
      seen.pulled += 1;
      if (done) controller.close();
      else if (value instanceof Error) controller.error(value);
      else controller.enqueue(value);
    },
    cancel() {
      seen.cancelled = true;
    },
  };
  return { seen, body: new ReadableStream(source, { highWaterMark: 0 }) };
}

function* endless(bytes: number): Generator<Uint8Array> {
  for (;;) yield new Uint8Array(bytes);
}

function declared(length: number | string): Record<string, string> {
  return { ...JSON_TYPE, "Content-Length": String(length) };
}

describe("the size", () => {
  test("up to the limit is fine, with and without a declared length", async () => {
    const body = new Uint8Array(MAX).fill(32);
    expect((await read({ body, headers: declared(MAX) }))?.byteLength).toBe(MAX);
    expect((await read({ body: chunked([body.slice(0, 999), body.slice(999)]).body }))?.byteLength).toBe(MAX);
  });

  test("one byte over the limit is not, with and without a declared length", async () => {
    const body = new Uint8Array(MAX + 1);
    expect(await refusalOf(() => read({ body, headers: declared(MAX + 1) }))).toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
    });
    expect(await refusalOf(() => read({ body: chunked([body]).body }))).toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
  });

  test("declared too large is refused before anything is read", async () => {
    const { seen, body } = chunked(endless(1));
    expect(await refusalOf(() => read({ body, headers: declared(MAX + 1) }))).toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
    });
    expect(seen.pulled).toBe(0);
  });

  test("that shows only while reading is refused at once: the rest is not read, and the source hears of it", async () => {
    const { seen, body } = chunked(endless(100));
    expect(await refusalOf(() => read({ body }))).toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    expect(seen.pulled).toBeLessThanOrEqual(12);
    expect(seen.cancelled).toBe(true);
  });

  test("is refused although the source never stops when it is told to", async () => {
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(MAX)),
      cancel: () => new Promise(() => {}),
    });
    expect(await refusalOf(() => read({ body }))).toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
  });

  test.each([
    ["-1", "no length"],
    ["1e1", "a length in another spelling"],
    ["", "an empty one"],
    ["5, 5", "two of them, joined"],
    ["abc", "no number at all"],
  ])("is counted where the declared length %j cannot be trusted: %s", async (length) => {
    const headers = declared(length);
    const { seen, body } = chunked(endless(100));
    expect(await refusalOf(() => read({ body, headers }))).toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    expect(seen.pulled).toBeLessThanOrEqual(12);
  });

  test("is counted after the fact where a caller in this process has lied about it", async () => {
    const body = chunked([new Uint8Array(MAX), new Uint8Array(1)]).body;
    expect(await refusalOf(() => read({ body, headers: declared(5) }))).toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
  });

  test("is bytes as they came, in their order", async () => {
    const body = chunked(["{", '"a":', "", '"ä"}'].map((piece) => new TextEncoder().encode(piece))).body;
    expect(new TextDecoder().decode(await read({ body }))).toBe('{"a":"ä"}');
  });
});

describe("an empty body", () => {
  test.each([
    ["no body", {}],
    ["no bytes", { body: new Uint8Array() }],
    ["a stream without pieces", { body: chunked([]).body }],
    ["a stream of empty pieces", { body: chunked([new Uint8Array(), new Uint8Array()]).body }],
    ["a declared length of zero", { body: new Uint8Array(), headers: declared(0) }],
    ["without a content type", { headers: {} }],
    ["with a foreign one", { headers: { "Content-Type": "text/plain" } }],
    ["with a content encoding", { headers: { "Content-Encoding": "gzip" } }],
  ] as readonly (readonly [string, BodySpec])[])("is none: %s", async (_because, spec) => {
    expect(await read(spec)).toBeUndefined();
  });

  test("is not the same as white space", async () => {
    expect((await read({ body: " " }))?.byteLength).toBe(1);
  });
});

describe("the content type", () => {
  test.each([
    ["application/json", "as it is"],
    ["Application/JSON", "media types have no letter case"],
    ["application/json; charset=utf-8", "with the charset"],
    ["application/json;charset=UTF-8", "without a space, in upper case"],
    ['application/json; charset="utf-8"', "quoted"],
    ["application/json ; charset=utf-8", "with a space before"],
    ["application/json;", "with nothing behind the semicolon"],
    ["application/json; charset=utf-8;", "or behind another"],
  ])("%j is JSON: %s", async (type) => {
    expect((await read({ body: "{}", headers: { "Content-Type": type } }))?.byteLength).toBe(2);
  });

  test.each<readonly [string | undefined, string]>([
    [undefined, "missing"],
    ["", "empty"],
    ["text/plain", "what a page may send to a stranger without asking"],
    ["application/x-www-form-urlencoded", "a form"],
    ["multipart/form-data; boundary=x", "a form with files"],
    ["text/json", "another registration"],
    ["application/jsonp", "a type that begins alike"],
    ["application/json-patch+json", "another format in JSON"],
    ["application/problem+json", "another format in JSON"],
    ["application/json; charset=utf-16", "another charset"],
    ["application/json; charset=iso-8859-1", "another charset"],
    ["application/json; version=1", "a parameter of somebody's own"],
    ['application/json; charset="utf-8', "a quotation mark too few"],
    ["application/json, text/plain", "two, joined"],
    ["text/plain; a=application/json", "ours somewhere in it"],
    ["json", "no media type"],
    ["*/*", "what belongs into Accept"],
  ])("%j is not JSON: %s", async (type) => {
    const headers: Record<string, string> = type === undefined ? {} : { "Content-Type": type };
    const body = new TextEncoder().encode("{}");
    expect(await refusalOf(() => read({ body, headers }))).toMatchObject({ code: "UNSUPPORTED_MEDIA_TYPE" });
    expect((await read({ body, headers, json: false }))?.byteLength).toBe(2);
  });

  test.each([
    ["spaces", `application/json${" ".repeat(15_000)}x`],
    ["spaces behind a semicolon", `application/json;${" ".repeat(15_000)}x`],
    ["spaces around a charset", `application/json; charset=utf-8${" ".repeat(15_000)}x`],
  ])("of 15 000 %s holds nobody up", async (_name, type) => {
    // A third of a second of event loop for one header is what a backtracking expression took, each time; a machine
    // that is busy for a moment is so once. So the fastest of several tries counts.
    const tries: number[] = [];
    for (let attempt = 0; attempt < 5; attempt++) tries.push(await timeToRefuse({ "Content-Type": type }));
    expect(Math.min(...tries)).toBeLessThan(100);
  });

  async function timeToRefuse(headers: Record<string, string>): Promise<number> {
    const body = new TextEncoder().encode("{}");
    const started = performance.now();
    expect(await refusalOf(() => read({ body, headers }))).toMatchObject({ code: "UNSUPPORTED_MEDIA_TYPE" });
    return performance.now() - started;
  }
});

describe("the content encoding", () => {
  test.each(["identity", "Identity"])("%j is none", async (encoding) => {
    const headers = { ...JSON_TYPE, "Content-Encoding": encoding };
    expect((await read({ body: "{}", headers }))?.byteLength).toBe(2);
  });

  test.each(["gzip", "br", "deflate", "zstd", "x-gzip", "identity, gzip", "utf-8"])(
    "%j is refused: a small body could become large",
    async (encoding) => {
      const headers = { ...JSON_TYPE, "Content-Encoding": encoding };
      expect(await refusalOf(() => read({ body: "{}", headers }))).toMatchObject({ code: "UNSUPPORTED_MEDIA_TYPE" });
      expect(await refusalOf(() => read({ body: "{}", headers, json: false }))).toMatchObject({
        code: "UNSUPPORTED_MEDIA_TYPE",
      });
    },
  );
});

describe("a body that does not arrive", () => {
  test.each([
    ["without a declared length", JSON_TYPE],
    ["with one", declared(100)],
  ])("is a client that went away, %s", async (_because, headers) => {
    const { body } = chunked([new Uint8Array(10), new Error("aborted")]);
    expect(await refusalOf(() => read({ body, headers }))).toMatchObject({ code: "CANCELLED" });
  });
});
