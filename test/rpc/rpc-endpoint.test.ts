import { create, type DescMethod, type Message, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type HandlerContext } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SILENT_HEAD_MS } from "#src/contract/stream-life.ts";
import { GatewayError, toGatewayError } from "#src/errors.ts";
import { createRpcEndpoint, createRpcEndpoints, type RpcEndpoint } from "#src/rpc/rpc-endpoint.ts";
import { LibraryService } from "../gen/transcoder/v1/library_pb.ts";
import { envelope, expectError } from "../support/rpc-clients.ts";

// The endpoints without the gateway around them: streams that do what no service of the stand-in's does, and what no
// client can bring about (defects of our own). The clients are real, the socket between is not there.

const SECRET = "secret-canary: 10.0.0.1";
let late: unknown[] = [];
let released = 0;
let silent = Promise.withResolvers<void>();
/** Until then a stream of events has nothing to say. */
let spoken = Promise.withResolvers<void>();
afterEach(() => {
  spoken = Promise.withResolvers();
  late = [];
  released = 0;
  silent = Promise.withResolvers();
});

const implementation = new Proxy(
  {
    getBook({ name }: { name: string }, { responseHeader, responseTrailer }: HandlerContext) {
      responseHeader.set("x-shelf", "4");
      responseTrailer.set("x-lent", "7");
      if (name.endsWith("defect")) throw new Error(SECRET);
      return { name, title: "Dune" };
    },
    async *watchBooks({ parent }: { parent: string }, { signal }: HandlerContext) {
      try {
        if (parent.endsWith("none")) throw new GatewayError("NOT_FOUND", "There is no such shelf.");
        yield { eventId: "1" };
        if (parent.endsWith("defect")) throw new Error(SECRET);
        if (parent.endsWith("lost")) throw new GatewayError("SERVICE_UNAVAILABLE", "The library is closed.");
        if (parent.endsWith("silent")) {
          await new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(new Error("gone")));
            silent.resolve();
          });
        }
        yield { eventId: "2" };
      } finally {
        released += 1;
      }
    },
    async *followLibrary() {
      await spoken.promise;
      yield { eventId: "1" };
    },
  },
  // Every other rpc exists and is not called here.
  { get: (target, name) => Reflect.get(target, name) ?? (() => ({})) },
);
const implementations = new Map([[LibraryService, implementation]]);
const options = { now: () => 1_000 };
const endpoints = new Map(createRpcEndpoints(implementations, options).map((each) => [each.path, each]));

const read = (endpoint: RpcEndpoint, request: Request, body: Uint8Array) =>
  endpoint.read({ request, body, demandSelf: () => {} });

const answer = (endpoint: RpcEndpoint, request: Request, message: Message) =>
  endpoint.answer({
    request,
    message,
    context: {
      requestId: "r",
      traceparent: undefined,
      deadlineAtMs: 4_000,
      caller: undefined,
      note: () => {},
      cacheUses: [],
    },
    lateProblem: (thrown) => late.push(thrown),
  });

/** As the gateway does it, as far as it matters here. */
async function serve(request: Request): Promise<Response> {
  const endpoint = endpoints.get(new URL(request.url).pathname)!;
  try {
    return await answer(endpoint, request, read(endpoint, request, new Uint8Array(await request.arrayBuffer())));
  } catch (thrown) {
    const response = endpoint.refuse(toGatewayError(thrown), request);
    response.headers.set("x-request-id", "r");
    return response;
  }
}

const transport = {
  baseUrl: "http://gateway.test",
  fetch: (input: RequestInfo | URL, init?: RequestInit) => serve(new Request(input, init)),
};
const TRANSPORTS = [
  ["Connect in JSON", createConnectTransport(transport)],
  ["Connect in binary", createConnectTransport({ ...transport, useBinaryFormat: true })],
  ["gRPC-Web", createGrpcWebTransport(transport)],
] as const;

describe.each(TRANSPORTS)("a stream over %s", (_name, over) => {
  const library = createClient(LibraryService, over);
  const watch = async (shelf: string) => {
    const events: string[] = [];
    const ended = (async () => {
      for await (const { eventId } of library.watchBooks({ parent: `shelves/${shelf}` })) events.push(eventId);
    })();
    const error = await ended.then(
      () => undefined,
      (thrown: unknown) => ConnectError.from(thrown),
    );
    return { events, error };
  };

  test("brings its messages and ends", async () => {
    expect(await watch("all")).toEqual({ events: ["1", "2"], error: undefined });
    expect(released).toBe(1);
  });

  test("that fails before its first message is refused as any other call", async () => {
    const { events, error } = await watch("none");
    expect(events).toEqual([]);
    expectError(error!, "NOT_FOUND");
    expect(late).toEqual([]);
  });

  test.each([
    ["lost", Code.Unavailable, "The library is closed."],
    ["defect", Code.Internal, "The gateway failed to answer this request."],
  ])("that fails later says so in its last frame, and in the log (%s)", async (shelf, code, message) => {
    const { events, error } = await watch(shelf);
    expect(events).toEqual(["1"]);
    expect(error).toMatchObject({ code, rawMessage: message });
    expect(late).toHaveLength(1);
  });
});

test("what GET answers may be kept by its client alone, who must ask each time, as over REST; POST says nothing of it", async () => {
  const url = `http://gateway.test${endpoints.get("/transcoder.v1.LibraryService/GetBook")!.path}`;
  const message = encodeURIComponent('{"name":"shelves/1/books/2"}');
  const got = await serve(new Request(`${url}?encoding=json&message=${message}`));
  expect([got.status, got.headers.get("cache-control")]).toEqual([200, "private, no-cache"]);
  const headers = { "content-type": "application/json" };
  const posted = await serve(new Request(url, { method: "POST", headers, body: '{"name":"shelves/1/books/2"}' }));
  expect([posted.status, posted.headers.get("cache-control")]).toEqual([200, null]);
});

test.each(["application/connect+proto", "application/grpc-web+proto"])(
  "a stream whose reader leaves lets go of a silent upstream, and nothing has failed (%s)",
  async (contentType) => {
    const { watchBooks } = LibraryService.method;
    const endpoint = endpoints.get("/transcoder.v1.LibraryService/WatchBooks")!;
    const headers = { "content-type": contentType };
    const request = new Request(`http://gateway.test${endpoint.path}`, { method: "POST", headers });
    const message = create(watchBooks.input, { parent: "shelves/silent" });
    const body = envelope(toBinary(watchBooks.input, message));
    const reader = (await answer(endpoint, request, read(endpoint, request, body))).body!.getReader();
    await reader.read();
    const nothing = reader.read();
    await silent.promise;
    await reader.cancel();
    await nothing;
    await expect.poll(() => released).toBe(1);
    expect(late).toEqual([]);
  },
);

describe("an rpc with one answer", () => {
  test("may tell more than its message, before and after it", async () => {
    for (const [, over] of TRANSPORTS) {
      const told: Record<string, string | null> = {};
      await createClient(LibraryService, over).getBook(
        { name: "shelves/1/books/2" },
        {
          onHeader: (headers) => Object.assign(told, { shelf: headers.get("x-shelf") }),
          onTrailer: (trailers) => Object.assign(told, { lent: trailers.get("x-lent") }),
        },
      );
      expect(told).toEqual({ shelf: "4", lent: "7" });
    }
  });

  test.each(TRANSPORTS)("answers a defect of ours with one sentence (%s)", async (_name, over) => {
    const library = createClient(LibraryService, over);
    const error = await library.getBook({ name: "shelves/1/books/defect" }).catch(ConnectError.from);
    expectError(error as ConnectError, "INTERNAL");
    expect((error as ConnectError).rawMessage).toBe("The gateway failed to answer this request.");
  });
});

describe("the start is refused", () => {
  test("for an rpc without an implementation", () => {
    const nothing = new Map([[LibraryService, {}]]);
    expect(() => createRpcEndpoints(nothing, options)).toThrow(/LibraryService\.\w+ has no implementation/);
  });

  test("for a stream of requests", () => {
    const upload = { ...LibraryService.method.getBook, methodKind: "client_streaming" } as unknown as DescMethod;
    expect(() => createRpcEndpoint(upload, implementations, options)).toThrow("takes a stream of requests");
  });
});

describe("a stream of events that is silent at first", () => {
  const { followLibrary } = LibraryService.method;
  const endpoint = endpoints.get("/transcoder.v1.LibraryService/FollowLibrary")!;
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const follow = () => {
    const headers = { "content-type": "application/connect+json" };
    const request = new Request(`http://gateway.test${endpoint.path}`, { method: "POST", headers });
    const message = create(followLibrary.input, {});
    return answer(endpoint, request, message);
  };

  test("begins after a second, and tells what happens then", async () => {
    const response = follow();
    await vi.advanceTimersByTimeAsync(SILENT_HEAD_MS);
    expect((await response).headers.get("x-accel-buffering"), "no proxy collects it").toBe("no");
    const reader = (await response).body!.getReader();
    const first = reader.read();
    spoken.resolve();
    expect(new TextDecoder().decode((await first).value)).toContain('"eventId":"1"');
  });

  test("and fails then says so in its last frame, since its status is gone", async () => {
    const response = follow();
    await vi.advanceTimersByTimeAsync(SILENT_HEAD_MS);
    spoken.reject(new GatewayError("SERVICE_UNAVAILABLE", "The library is closed."));
    expect((await response).status).toBe(200);
    expect(await (await response).text()).toContain('"code":"unavailable"');
    expect(late).toHaveLength(1);
  });

  test("is refused with a status where it fails within that second", async () => {
    const response = follow();
    spoken.reject(new GatewayError("SERVICE_UNAVAILABLE", "The library is closed."));
    await expect(response).rejects.toMatchObject({ errorCode: "SERVICE_UNAVAILABLE" });
    expect([late, vi.getTimerCount()]).toEqual([[], 0]);
  });
});
