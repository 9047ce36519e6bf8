import { create, type MessageInitShape, toBinary, toJsonString } from "@bufbuild/protobuf";
import { createConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { createFetchHandler } from "@connectrpc/connect/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { toGatewayError } from "#src/errors.ts";
import { createRpcEndpoint } from "#src/rpc/rpc-endpoint.ts";
import { type BookSchema, LibraryService } from "../gen/transcoder/v1/library_pb.ts";
import { envelope } from "../support/rpc-clients.ts";

// Connect's own handler is the oracle: what we accept, it accepts and answers with the same bytes.

const { getBook } = LibraryService.method;
let output: MessageInitShape<typeof BookSchema>;
let read: unknown[] = [];

const implementation = {
  getBook({ name }: { name: string }, { responseHeader, responseTrailer }: HandlerContext) {
    read.push(name);
    responseHeader.set("x-shelf", "4");
    responseTrailer.set("x-lent", "7");
    return output;
  },
};
const ours = createRpcEndpoint(getBook, new Map([[LibraryService, implementation]]), { now: () => 0 });
const [handler] = createConnectRouter({ grpc: false, jsonOptions: { ignoreUnknownFields: false } }).rpc(
  getBook,
  implementation.getBook as never,
).handlers;
const theirs = createFetchHandler(handler!);

const MESSAGE = fc.record({ name: fc.string({ unit: "binary", maxLength: 40 }).map((text) => text.toWellFormed()) });
const OUTPUT = fc.record({ name: fc.string(), title: fc.string({ unit: "grapheme" }), tags: fc.array(fc.string()) });
const TYPES = [
  "application/proto",
  "application/json",
  "application/json; charset=utf-8",
  "application/json;charset=UTF8",
  "Application/Proto",
  "application/grpc-web",
  "application/grpc-web+proto",
  "application/grpc-web+json",
  "application/grpc-web-text",
  "application/connect+proto",
  "application/grpc",
  "application/x-proto",
  "",
];
const WIRE = fc.oneof(
  fc.record({ by: fc.constant("POST" as const), type: fc.constantFrom(...TYPES) }),
  fc.record({
    by: fc.constant("GET" as const),
    encoding: fc.constantFrom("json", "proto", "xml"),
    base64: fc.constantFrom("1", "0", undefined),
  }),
);
type Wire = typeof WIRE extends fc.Arbitrary<infer T> ? T : never;
/** Bytes that are changed, by their place from the front as a part of the whole, and where to cut. */
const DAMAGE = fc.record({
  flips: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 255 })), {
    maxLength: 2,
  }),
  keep: fc.constantFrom(1, 1, 1, 0.9, 0.5, 0),
});

function requestOf(
  wire: Wire,
  message: { name: string },
  damage: typeof DAMAGE extends fc.Arbitrary<infer T> ? T : never,
) {
  const isJson = wire.by === "GET" ? wire.encoding === "json" : wire.type.toLowerCase().includes("json");
  const init = create(getBook.input, message);
  const plain = isJson ? new TextEncoder().encode(toJsonString(getBook.input, init)) : toBinary(getBook.input, init);
  const framed = wire.by === "POST" && /grpc|connect\+/.test(wire.type) ? envelope(plain) : plain;
  const bytes = framed.slice(0, Math.ceil(damage.keep * framed.length));
  for (const [place, value] of damage.flips)
    if (bytes.length > 0) bytes[Math.floor(place * (bytes.length - 1))] = value;
  const url = `http://gateway.test${ours.path}`;
  if (wire.by === "POST") {
    return {
      bytes,
      make: () => new Request(url, { method: "POST", headers: { "content-type": wire.type }, body: bytes }),
    };
  }
  const text = wire.base64 === "1" ? Buffer.from(bytes).toString("base64url") : new TextDecoder().decode(bytes);
  const query = new URLSearchParams({ connect: "v1", encoding: wire.encoding, message: text });
  if (wire.base64 !== undefined) query.set("base64", wire.base64);
  return { bytes: new Uint8Array(), make: () => new Request(`${url}?${query}`) };
}

async function askUs(request: Request, body: Uint8Array): Promise<Response> {
  try {
    const message = ours.read({ request, body, demandSelf: () => {} });
    const context = {
      requestId: "r",
      traceparent: undefined,
      deadlineAtMs: 1,
      caller: undefined,
      note: () => {},
      cacheUses: [],
    };
    return await ours.answer({ request, message, context, lateProblem: () => {} });
  } catch (thrown) {
    return ours.refuse(toGatewayError(thrown), request);
  }
}

/** What a client gets: whether it worked, and then everything. */
async function seen(response: Response) {
  const names = [...read];
  read = [];
  const bytes = Buffer.from(await response.arrayBuffer()).toString("latin1");
  const { headers, status } = response;
  const whole = [headers.get("content-type"), headers.get("x-shelf"), headers.get("trailer-x-lent"), bytes];
  return { worked: status === 200 && names.length > 0, names, whole };
}

test("2000 requests, whole and damaged: what we accept is what Connect accepts, and the answer is the same", async () => {
  let worked = 0;
  const property = fc.asyncProperty(WIRE, MESSAGE, OUTPUT, DAMAGE, async (wire, message, answered, damage) => {
    output = answered;
    const { make, bytes } = requestOf(wire, message, damage);
    const we = await seen(await askUs(make(), bytes));
    const they = await seen(await theirs(make()));
    if (we.worked) {
      worked += 1;
      expect(we).toEqual(they);
    } else if (damage.keep === 1 && damage.flips.length === 0) {
      expect(they.worked).toBe(false);
    }
  });
  await fc.assert(property, { numRuns: 2_000, seed: 20_260_101 });
  expect(worked).toBeGreaterThan(300);
});
