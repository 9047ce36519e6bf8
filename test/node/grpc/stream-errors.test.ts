import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { connectionError, resetError } from "#src/node/grpc/stream-errors.ts";

const failed = (code: string, cause?: unknown): Error => Object.assign(new Error("x", { cause }), { code });

test.each<[reason: unknown, code: Code]>([
  [failed("ECONNRESET"), Code.Aborted],
  [failed("ERR_HTTP2_INVALID_STREAM"), Code.Aborted],
  [failed("ERR_STREAM_DESTROYED"), Code.Aborted],
  [failed("ETIMEDOUT"), Code.Unavailable],
  [failed("ENOTFOUND"), Code.Unavailable],
  [failed("EAI_AGAIN"), Code.Unavailable],
  [failed("ECONNREFUSED"), Code.Unavailable],
  [failed("EPIPE"), Code.Internal],
  [failed("ERR_HTTP2_STREAM_ERROR", failed("ECONNRESET")), Code.Aborted],
  ["x", Code.Internal],
])("%o is %i, and is kept as the cause", (reason, code) => {
  const error = connectionError(reason);
  expect(error).toMatchObject({ code, rawMessage: "x", isWireError: false });
  expect(error.cause).toBe(reason);
});

test("Connect's own errors stay what they are", () => {
  const error = new ConnectError("PING timed out", Code.Unavailable);
  expect(connectionError(error)).toBe(error);
});

test("a chain of causes that leads back to itself has an end", () => {
  const reason = failed("EPIPE");
  reason.cause = reason;
  expect(connectionError(reason).code).toBe(Code.Internal);
});

test.each([
  [0, "NO_ERROR (0x0)", Code.Internal],
  [7, "REFUSED_STREAM (0x7)", Code.Unavailable],
  [8, "CANCEL (0x8)", Code.Canceled],
  [13, "HTTP_1_1_REQUIRED (0xd)", Code.Internal],
  [99, "unknown (0x63)", Code.Internal],
])("RST_STREAM %i in Connect's words", (code, name, connects) => {
  expect(resetError(code)).toMatchObject({
    code: connects,
    rawMessage: `http/2 stream closed with error code ${name}`,
    isWireError: false,
  });
});
