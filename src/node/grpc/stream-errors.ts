import { constants } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeOf, reasonsOf } from "../../upstream/reasons.ts";

const GONE = new Set(["ERR_STREAM_DESTROYED", "ERR_HTTP2_INVALID_STREAM", "ECONNRESET"]);
const NOT_THERE = new Set(["ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED"]);

/**
 * What a stream, a session or a socket of Node's failed with, as Connect words it; Connect does not export its own. The
 * code is a guess at best: what the callers go by is the cause (upstream/failure-kind.ts).
 */
export function connectionError(reason: unknown): ConnectError {
  const codes = reasonsOf(reason).map(codeOf);
  const isAny = (known: ReadonlySet<string>): boolean => codes.some((code) => known.has(code));
  const code = isAny(GONE) ? Code.Aborted : isAny(NOT_THERE) ? Code.Unavailable : Code.Internal;
  return ConnectError.from(reason, code);
}

const RESET_NAMES = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

/**
 * What to say of a stream that closed before its answer was whole, in Connect's words. Node reports most codes as errors
 * of the stream and keeps two to itself: CANCEL, also the end of the connection, and NO_ERROR, which Connect takes for
 * no end at all and so waits for the deadline. gRPC has it as INTERNAL.
 */
export function resetError(code: number): ConnectError {
  const name = `${RESET_NAMES[code] ?? "unknown"} (0x${code.toString(16)})`;
  return new ConnectError(`http/2 stream closed with error code ${name}`, RESET_CODES.get(code) ?? Code.Internal);
}

const RESET_CODES: ReadonlyMap<number, Code> = new Map([
  [constants.NGHTTP2_CANCEL, Code.Canceled],
  [constants.NGHTTP2_REFUSED_STREAM, Code.Unavailable],
]);
