import { requestHeader } from "@connectrpc/connect/protocol-grpc";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createRequestHeaders } from "#src/node/grpc/request-headers.ts";

const requestHeaders = createRequestHeaders();

const connects = (metadata: HeadersInit | undefined, timeoutMs: number | undefined): object =>
  Object.fromEntries(requestHeader(true, timeoutMs, metadata));

const outcome = (headersOf: () => object): unknown => {
  try {
    return { ...headersOf() };
  } catch (error) {
    return (error as Error).name;
  }
};

const name = fc.oneof(
  fc.constantFrom("x-request-id", "X-User-Id", "user-agent", "Content-Type", "te", "grpc-timeout", "x y", ""),
  fc.string({ minLength: 1, maxLength: 5 }),
);
const value = fc.oneof(
  fc.constantFrom("", " a ", "a b", "\t", "a\nb", "a\u0000b", "é", "ü ", "\u2028"),
  fc.string({ maxLength: 8 }),
  fc.string({ unit: "binary", maxLength: 4 }),
);
const record = fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true });
const timeoutMs = fc.option(fc.integer({ min: 1, max: 600_000 }), { nil: undefined });

test("a call's headers are Connect's, and what no header may hold is refused as it refuses it", () => {
  fc.assert(
    fc.property(record, timeoutMs, (metadata, timeoutMs) => {
      expect(outcome(() => requestHeaders(metadata, timeoutMs))).toEqual(outcome(() => connects(metadata, timeoutMs)));
    }),
    { numRuns: 5_000 },
  );
});

test.each<[what: string, metadata: HeadersInit | undefined]>([
  ["none", undefined],
  ["Headers", new Headers({ "X-A": "b" })],
  [
    "pairs",
    [
      ["x-a", "b"],
      ["x-a", "c"],
    ],
  ],
  ["a user agent of its own", { "user-agent": "mine" }],
])("metadata may be %s", (_what, metadata) => {
  expect({ ...requestHeaders(metadata, 5_000) }).toEqual(connects(metadata, 5_000));
});

test("metadata is left as it was", () => {
  const metadata = Object.freeze({ "x-a": "b" });
  requestHeaders(metadata, 5_000);
  expect(metadata).toEqual({ "x-a": "b" });
});
