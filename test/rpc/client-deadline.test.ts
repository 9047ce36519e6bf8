import { expect, test } from "vitest";
import type { RequestContext } from "#src/context.ts";
import { withClientDeadline } from "#src/rpc/client-deadline.ts";
import type { Wire } from "#src/rpc/wire.ts";

const NOW_MS = 100_000;
const OURS_MS = NOW_MS + 30_000;
const context: RequestContext = {
  requestId: "r",
  traceparent: undefined,
  deadlineAtMs: OURS_MS,
  caller: undefined,
  note: () => {},
  cacheUses: [],
};

const deadline = (framing: Wire["framing"], headers: Record<string, string>) =>
  withClientDeadline(context, new Headers(headers), { framing, codec: "proto" }, () => NOW_MS).deadlineAtMs;

type Row = readonly [framing: Wire["framing"], headers: Record<string, string>, deadlineAtMs: number, because: string];
const ROWS: readonly Row[] = [
  ["plain", {}, OURS_MS, "no wish"],
  ["plain", { "connect-timeout-ms": "250" }, NOW_MS + 250, "a client may want less"],
  ["plain", { "connect-timeout-ms": "0" }, NOW_MS, "or nothing at all"],
  ["plain", { "connect-timeout-ms": "30001" }, OURS_MS, "but not more"],
  ["plain", { "connect-timeout-ms": "9999999999" }, OURS_MS, "not by ten digits either"],
  ["connect-stream", { "connect-timeout-ms": "250" }, NOW_MS + 250, "a stream of Connect"],
  ["plain", { "grpc-timeout": "1m" }, OURS_MS, "another protocol's wish is none"],
  ["grpc-web", { "connect-timeout-ms": "1" }, OURS_MS, "and the other way round"],
  ["grpc-web", { "grpc-timeout": "250m" }, NOW_MS + 250, "milliseconds"],
  ["grpc-web", { "grpc-timeout": "2S" }, NOW_MS + 2_000, "seconds"],
  ["grpc-web", { "grpc-timeout": "99999999H" }, OURS_MS, "11 000 years"],
];

test.each(ROWS)("%s with %o must be over at %i: %s", (framing, headers, deadlineAtMs) => {
  expect(deadline(framing, headers)).toBe(deadlineAtMs);
});

test.each([
  ["plain", { "connect-timeout-ms": "-1" }],
  ["plain", { "connect-timeout-ms": "1.5" }],
  ["plain", { "connect-timeout-ms": "12345678901" }],
  ["grpc-web", { "grpc-timeout": "1" }],
  ["grpc-web", { "grpc-timeout": "123456789m" }],
] as const)("%s with %o is refused by the header's name", (framing, headers) => {
  const [name] = Object.keys(headers);
  const message = new RegExp(`not valid: ${name} is no timeout of this protocol`, "i");
  expect(() => deadline(framing, headers)).toThrow(
    expect.objectContaining({ errorCode: "VALIDATION_ERROR", message: expect.stringMatching(message) }),
  );
});
