import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { LoginResponseSchema } from "#gen/gateway/v1/auth_pb.ts";
import { CreateTaskResponseSchema, DeleteTaskResponseSchema } from "#gen/gateway/v1/tasks_pb.ts";
import { HttpBodySchema } from "#gen/google/api/httpbody_pb.ts";
import { httpBindings } from "#src/rest/http-rules.ts";
import { compileRenderer as compile } from "#src/rest/render-response.ts";
import { toResponse } from "#src/rest/rendered-answer.ts";
import { EverythingSchema } from "../gen/transcoder/v1/everything_pb.ts";
import {
  BookSchema,
  GetCoverResponseSchema,
  GetShelfResponseSchema,
  ListShelvesResponseSchema,
} from "../gen/transcoder/v1/library_pb.ts";
import { annotatedService, httpRule } from "./annotated-service.ts";
import { bindingOf } from "./bindings.ts";

/** A renderer whose answers can be looked at as a client would. */
function compileRenderer(binding: Parameters<typeof compile>[0]) {
  const { unary } = compile(binding);
  return { unary: (...args: Parameters<typeof unary>) => toResponse(unary(...args)) };
}

const URL_INFO = { path: "/v1/x", query: "" };

type Row = readonly [route: string, type: DescMessage, init: object, answer: string, because: string];

/** Answer: the status, the content type if there is one, and the body. */
const ANSWERS: readonly Row[] = [
  [
    "DELETE /api/v1/tasks/{task_id}",
    DeleteTaskResponseSchema,
    { message: "gone" },
    '200 application/json {"message":"gone"}',
    "without response_body the whole message, 200 unless the policy says otherwise",
  ],
  [
    "POST /api/v1/tasks",
    CreateTaskResponseSchema,
    {},
    "201 application/json {}",
    "the policy's 201; an absent message",
  ],
  [
    "DELETE /v1/{name=shelves/*/books/*}",
    EmptySchema,
    {},
    "204",
    "204 has no body and no type; grpc-gateway writes {}",
  ],
  [
    "GET /v1/shelves/{shelf_id}",
    GetShelfResponseSchema,
    { shelf: { shelfId: "1" } },
    '200 application/json {"shelf_id":"1","theme":""}',
    "response_body is the field's value without its name",
  ],
  [
    "GET /v1/shelves/{shelf_id}",
    GetShelfResponseSchema,
    {},
    "200 application/json {}",
    "an absent message: {} as grpc-gateway and vanguard",
  ],
  [
    "GET /v1/shelves",
    ListShelvesResponseSchema,
    { shelves: [{ shelfId: "1" }, {}] },
    '200 application/json [{"shelf_id":"1","theme":""},{"shelf_id":"","theme":""}]',
    "a repeated field is a JSON array",
  ],
  ["GET /v1/shelves", ListShelvesResponseSchema, {}, "200 application/json []", "an empty one is an empty array"],
  ["POST /v1/everything/map", EverythingSchema, { mapStringString: { a: "b" } }, json('{"a":"b"}'), "a map"],
  ["POST /v1/everything/map", EverythingSchema, {}, json("{}"), "an empty one"],
  ["POST /v1/everything/strings", EverythingSchema, { repeatedString: ["a"] }, json('["a"]'), "repeated scalars"],
  ["POST /v1/everything/string", EverythingSchema, { stringValue: 'a"' }, json('"a\\""'), "a string is a JSON text"],
  ["POST /v1/everything/int64", EverythingSchema, { int64Value: 5n }, json('"5"'), "a long is one as well"],
  ["POST /v1/everything/color", EverythingSchema, { color: 1 }, json('"RED"'), "an enum's short name"],
  ["POST /v1/everything/color", EverythingSchema, {}, json('"UNSPECIFIED"'), "its zero value"],
  ["POST /v1/everything/timestamp", EverythingSchema, { timestamp: {} }, json('"1970-01-01T00:00:00Z"'), "well-known"],
  ["POST /v1/everything/timestamp", EverythingSchema, {}, json("null"), "absent: {} would be the wrong JSON type"],
  ["POST /v1/everything/struct", EverythingSchema, { struct: { a: 1 } }, json('{"a":1}'), "a Struct"],
  ["POST /v1/everything/struct", EverythingSchema, {}, json("{}"), "absent: a Struct is an object"],
  ["POST /v1/everything/value", EverythingSchema, { value: {} }, json("null"), "a Value of nothing"],
];

/** HttpBody: content type and data, the answer's content type and body. */
const RAW: readonly (readonly [contentType: string, data: string, answer: string, because: string])[] = [
  ["text/plain", "hi", "200 text/plain hi", "its bytes and its type, not JSON"],
  ["text/csv; charset=utf-8; header=present", "a,b", "200 text/csv; charset=utf-8; header=present a,b", "parameters"],
  ['multipart/mixed; boundary="a b"', "x", '200 multipart/mixed; boundary="a b" x', "quoted ones"],
  ["application/vnd.api+json", "{}", "200 application/vnd.api+json {}", "it may be JSON of its own"],
  ["text/plain", "", "200 text/plain ", "no bytes are an answer"],
  ["", "hi", "200 application/octet-stream hi", "no type is unknown bytes; grpc-gateway sends an empty header"],
  ["text/plain\r\nSet-Cookie: a=b", "x", "200 application/octet-stream x", "a line break could begin a header"],
  ["text/plain\nX: y", "x", "200 application/octet-stream x", "a bare one too"],
  ["text/plain\u0000", "x", "200 application/octet-stream x", "a NUL would throw in Headers"],
  ["text/plain; x=é", "x", "200 application/octet-stream x", "headers are ASCII"],
  ["漢字/plain", "x", "200 application/octet-stream x", "this one would throw too"],
  ["text", "x", "200 application/octet-stream x", "no subtype, no media type"],
  ["text/", "x", "200 application/octet-stream x", "an empty one neither"],
  [" text/plain", "x", "200 application/octet-stream x", "nor what begins with a space"],
];

describe("unary", () => {
  for (const [route, type, init, answer, because] of ANSWERS) {
    test(`${route} → ${answer.slice(0, 50)}: ${because}`, async () => {
      const response = compileRenderer(bindingOf(route)).unary(create(type, init as never), URL_INFO);
      expect(await summary(response)).toBe(answer);
    });
  }
});

describe("HttpBody", () => {
  for (const [contentType, data, answer, because] of RAW) {
    test(`${JSON.stringify(contentType)}: ${because}`, async () => {
      const body = create(HttpBodySchema, { contentType, data: new TextEncoder().encode(data) });
      const whole = compileRenderer(bindingOf("GET /v1/files/{path=**}")).unary(body, URL_INFO);
      expect(await summary(whole)).toBe(answer);
      const cover = create(GetCoverResponseSchema, { cover: body, artist: "not answered" });
      const field = compileRenderer(bindingOf("GET /v1/books/{book_id}/cover")).unary(cover, URL_INFO);
      expect(await summary(field)).toBe(answer);
    });
  }

  test("an absent field is no bytes of unknown type", async () => {
    const renderer = compileRenderer(bindingOf("GET /v1/books/{book_id}/cover"));
    expect(await summary(renderer.unary(create(GetCoverResponseSchema), URL_INFO))).toBe(
      "200 application/octet-stream ",
    );
  });

  test("bytes are not text on their way", async () => {
    const data = Uint8Array.of(0, 255, 254, 13, 10);
    const renderer = compileRenderer(bindingOf("GET /v1/files/{path=**}"));
    const response = renderer.unary(create(HttpBodySchema, { contentType: "image/png", data }), URL_INFO);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(data);
  });
});

describe("headers", () => {
  const login = compileRenderer(bindingOf("POST /api/v1/auth/login"));
  const task = compileRenderer(bindingOf("POST /api/v1/tasks"));
  const shelves = compileRenderer(bindingOf("GET /v1/shelves"));
  const remove = compileRenderer(bindingOf("DELETE /v1/{name=shelves/*/books/*}"));

  test("no_store: no cache keeps a session", () => {
    expect(login.unary(create(LoginResponseSchema), URL_INFO).headers.get("cache-control")).toBe("no-store");
  });

  test("without it, caching is for others to decide", () => {
    expect(task.unary(create(CreateTaskResponseSchema), URL_INFO).headers.get("cache-control")).toBeNull();
  });

  test("what the implementation set goes out, all of it", () => {
    const set = new Headers({ etag: '"1"', "cache-control": "private" });
    set.append("set-cookie", "a=1");
    set.append("set-cookie", "b=2");
    const { headers } = task.unary(create(CreateTaskResponseSchema), URL_INFO, set);
    expect(headers.get("etag")).toBe('"1"');
    expect(headers.get("cache-control")).toBe("private");
    expect(headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  });

  test("but the contract's headers win: it promises them", () => {
    const set = new Headers({ "content-type": "text/html", "cache-control": "public", "x-total-count": "9" });
    expect(login.unary(create(LoginResponseSchema), URL_INFO, set).headers.get("content-type")).toBe(
      "application/json",
    );
    expect(login.unary(create(LoginResponseSchema), URL_INFO, set).headers.get("cache-control")).toBe("no-store");
    const page = shelves.unary(create(ListShelvesResponseSchema, { totalCount: 2 }), URL_INFO, set);
    expect(page.headers.get("x-total-count")).toBe("2");
  });

  test("a 204 has them too", () => {
    const { headers } = remove.unary(create(EmptySchema), URL_INFO, new Headers({ "x-a": "b" }));
    expect(Object.fromEntries(headers)).toEqual({ "x-a": "b" });
  });

  test("a page has its headers", () => {
    const url = { path: "/v1/shelves", query: "limit=1" };
    const { headers } = shelves.unary(create(ListShelvesResponseSchema, { totalCount: 2 }), url);
    expect(Object.fromEntries(headers)).toEqual({
      "content-type": "application/json",
      link:
        '</v1/shelves?limit=1&offset=0>; rel="first", </v1/shelves?limit=1&offset=1>; rel="next", ' +
        '</v1/shelves?limit=1&offset=1>; rel="last"',
      "x-total-count": "2",
    });
  });

  test("they are a plain object: node-server's lightweight Response then makes no Headers", () => {
    const init = capturedInit(() => shelves.unary(create(ListShelvesResponseSchema), URL_INFO, new Headers()));
    expect(Object.getPrototypeOf(init.headers)).toBe(Object.prototype);
  });
});

describe("what JSON cannot express", () => {
  test("is thrown before there is an answer", () => {
    const renderer = compileRenderer(bindingOf("GET /v1/{name=shelves/*/books/*}"));
    const book = create(BookSchema, { publishedAt: { seconds: 253_402_300_800n } });
    expect(() => renderer.unary(book, URL_INFO)).toThrow(expect.objectContaining({ errorCode: "UPSTREAM_ERROR" }));
  });

  test("is fine where it is not answered", async () => {
    const renderer = compileRenderer(bindingOf("POST /v1/everything/string"));
    const message: Message = create(EverythingSchema, { timestamp: { seconds: 253_402_300_800n }, stringValue: "a" });
    expect(await renderer.unary(message, URL_INFO).text()).toBe('"a"');
  });
});

test("an Any may hold what the rpc's file imports, though its own file does not", async () => {
  const service = annotatedService({ http: httpRule("GET /v1/a"), output: EverythingSchema, input: BookSchema });
  const renderer = compileRenderer(httpBindings([service])[0]!);
  const typeUrl = "type.googleapis.com/transcoder.v1.Shelf";
  const answer = await renderer.unary(create(EverythingSchema, { any: { typeUrl } }), URL_INFO).json();
  expect(answer).toMatchObject({ any: { "@type": typeUrl, shelf_id: "", theme: "" } });
});

function json(text: string): string {
  return `200 application/json ${text}`;
}

async function summary(response: Response): Promise<string> {
  if (response.body === null) return [response.status, response.headers.get("content-type")].filter(Boolean).join(" ");
  return `${response.status} ${response.headers.get("content-type")} ${await response.text()}`;
}

/** The init that a Response is made with. */
function capturedInit(make: () => unknown): ResponseInit {
  const Real = globalThis.Response;
  let captured: ResponseInit = {};
  globalThis.Response = class extends Real {
    constructor(body?: BodyInit | null, init: ResponseInit = {}) {
      super(body, init);
      captured = init;
    }
  };
  try {
    make();
  } finally {
    globalThis.Response = Real;
  }
  return captured;
}
