import type { HandlerContext } from "@connectrpc/connect";
import { Hono } from "hono";
import { afterEach, describe, expect, test } from "vitest";
import { canonicalPath } from "#src/rest/canonical-path.ts";
import { createEndpoint } from "#src/rest/endpoint.ts";
import { mountRoutes } from "#src/rest/hono-routes.ts";
import { httpBindings } from "#src/rest/http-rules.ts";
import { LibraryService } from "../gen/transcoder/v1/library_pb.ts";

// The transcoder as a whole, without the gateway around it: an app that serves an annotated service.

let seen: HandlerContext | undefined;
let released = 0;
afterEach(() => {
  seen = undefined;
  released = 0;
});

const implementation = new Proxy(
  {
    getBook({ name }: { name: string }, context: HandlerContext) {
      seen = context;
      context.responseHeader.set("x-shelf", "4");
      return { name, title: "Dune" };
    },
    async *watchBooks(_request: unknown, context: HandlerContext) {
      seen = context;
      try {
        yield { eventId: "1" };
        await new Promise((_resolve, reject) =>
          context.signal.addEventListener("abort", () => reject(new Error("gone"))),
        );
      } finally {
        released += 1;
      }
    },
    // biome-ignore lint/correctness/useYield: it fails before it says anything.
    async *followLibrary(_request: unknown, context: HandlerContext): AsyncGenerator<object> {
      seen = context;
      throw new Error("refused");
    },
    // biome-ignore lint/correctness/useYield: it fails before it says anything.
    async *streamFile(_request: unknown, context: HandlerContext): AsyncGenerator<object> {
      seen = context;
      throw new Error("refused");
    },
  },
  // Every other rpc exists and is not called here.
  { get: (target, name) => Reflect.get(target, name) ?? (() => ({})) },
);

function libraryApp(): Hono {
  const app = new Hono({ getPath: ({ url }) => canonicalPath(url) });
  const now = () => 1_000;
  mountRoutes(app, httpBindings([LibraryService]), (binding) => {
    const endpoint = createEndpoint(binding, new Map([[LibraryService, implementation]]), now);
    return ({ req }) =>
      endpoint.answer({
        request: req.raw,
        path: req.path,
        message: endpoint.read({ request: req.raw, captured: endpoint.capture(req.path), body: undefined }),
        context: {
          requestId: "r",
          traceparent: undefined,
          deadlineAtMs: 4_000,
          caller: undefined,
          note: () => {},
          cacheUses: [],
        },
        lateProblem: () => ({ body: {} }),
      });
  });
  return app;
}

describe("an endpoint", () => {
  test("answers what the implementation returns, with the headers that it set", async () => {
    const response = await libraryApp().request("/v1/shelves/4/books/7");
    expect(await response.json()).toMatchObject({ name: "shelves/4/books/7", title: "Dune" });
    expect(response.headers.get("x-shelf")).toBe("4");
  });

  test("tells the implementation what it needs to know of the call", async () => {
    await libraryApp().request("/v1/shelves/4/books/7", { headers: { "x-test": "1" } });
    expect(seen).toMatchObject({ requestMethod: "GET", protocolName: "rest", service: LibraryService });
    expect(seen?.method.name).toBe("GetBook");
    expect(seen?.timeoutMs(), "what is left of the deadline").toBe(3_000);
    expect(seen?.requestHeader.get("x-test")).toBe("1");
    expect(seen?.url).toMatch(/\/v1\/shelves\/4\/books\/7$/);
  });

  test.each([
    ["3", "", "an empty header names none"],
    ["3", "4", "4"],
  ])("says where a stream of events is to go on: query %j, header %j (%s)", async (query, header) => {
    const binding = httpBindings([LibraryService]).find(({ template }) => template.source === "/v1/events")!;
    const { read } = createEndpoint(binding, new Map([[LibraryService, implementation]]), () => 0);
    const request = new Request(`http://gateway.test/v1/events?after_event_id=${query}`, {
      headers: { "last-event-id": header },
    });
    expect(read({ request, captured: [], body: undefined })).toMatchObject({ afterEventId: header || query });
  });

  test("lets a stream go when its reader goes away", async () => {
    const response = await libraryApp().request("/v1/shelves/4/books:watch");
    await response.body?.cancel();
    await expect.poll(() => released).toBe(1);
    expect(seen?.signal.aborted).toBe(true);
  });

  test("lets a stream go that HEAD asked for: nobody will read it", async () => {
    const response = await libraryApp().request("/v1/shelves/4/books:watch", { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
    await expect.poll(() => released).toBe(1);
  });

  test.each(["/v1/events", "/v1/streams/a.txt"])(
    "lets go what a stream read from that was refused before it began: %s",
    async (path) => {
      const app = libraryApp();
      app.onError(({ message }) => new Response(message, { status: 502 }));
      expect(await (await app.request(path)).text()).toBe("refused");
      expect(seen?.signal.aborted).toBe(true);
    },
  );
});

test("an rpc without an implementation stops the start and is named", () => {
  const binding = httpBindings([LibraryService])[0]!;
  expect(() => createEndpoint(binding, new Map(), () => 0)).toThrow(/LibraryService\.\w+ has no implementation/);
});
