import { Code, ConnectError } from "@connectrpc/connect";
import { codeOf, reasonsOf } from "./reasons.ts";

/** What an attempt's failure says about a second attempt. */
export type FailureKind =
  /** HTTP/2 promises that the service did not look at the call, or it never left: the same call may be made again. */
  | "refused"
  /** There was no connection, so nothing was sent. */
  | "unreachable"
  /** The service, or a proxy in front of it, says UNAVAILABLE. It may have begun. */
  | "unavailable"
  /** The connection or the stream broke under the call. Nobody knows how far the service came. */
  | "lost"
  /** An answer, a late or a garbled one: a second attempt would end no better, or nobody would wait for it. */
  | "final";

/**
 * Reads what a transport threw. It is strict, because what is "refused" or "unreachable" is sent again whatever the
 * method: a text counts only where Node or Connect wrote it, never where a service could have.
 */
export function failureKindOf(thrown: unknown): FailureKind {
  if (!(thrown instanceof ConnectError)) return "final";
  if (thrown.isWireError) return thrown.code === Code.Unavailable ? "unavailable" : "final";
  const reasons = reasonsOf(thrown);
  if (reasons.some(isRefusal)) return "refused";
  if (reasons.some(isWithoutConnection)) return "unreachable";
  // Somebody has waited for seconds: a host that swallows packets is not waited for twice.
  if (reasons.some((reason) => codeOf(reason) === "ETIMEDOUT")) return "final";
  if (thrown.code === Code.Unavailable) return "unavailable";
  return reasons.some(isLoss) ? "lost" : "final";
}

/** True where the service did nothing with the call, whatever the method. */
export function neverArrived(thrown: unknown): boolean {
  const kind = failureKindOf(thrown);
  return kind === "refused" || kind === "unreachable";
}

/**
 * RST_STREAM REFUSED_STREAM, and a GOAWAY that names an earlier stream as the last one seen, which nghttp2 reports in the
 * same way (RFC 9113, sections 6.8 and 8.7). Node's other two are of streams that never got a number, and so never left.
 */
function isRefusal(reason: Error): boolean {
  if (reason instanceof ConnectError) return reason.rawMessage === CONNECTS_REFUSED_STREAM;
  const code = codeOf(reason);
  if (code === "ERR_HTTP2_STREAM_CANCEL" || code === "ERR_HTTP2_GOAWAY_SESSION") return true;
  return code === "ERR_HTTP2_STREAM_ERROR" && reason.message.endsWith("NGHTTP2_REFUSED_STREAM");
}

const CONNECTS_REFUSED_STREAM = "http/2 stream closed with error code REFUSED_STREAM (0x7)";

/** Errors that a socket has before it is connected, and at no other time. */
const BEFORE_CONNECTION = new Set(["connect", "getaddrinfo"]);

/** EHOSTUNREACH and others end a connection that was made as well: only the system call tells. */
function isWithoutConnection(reason: Error): boolean {
  // Node tries each of a name's addresses, and reports all of its failures as one.
  if (reason instanceof AggregateError) {
    return (
      reason.errors.length > 0 && reason.errors.every((each) => each instanceof Error && isWithoutConnection(each))
    );
  }
  const { syscall } = reason as { syscall?: unknown };
  return typeof syscall === "string" && BEFORE_CONNECTION.has(syscall) && codeOf(reason) !== "ETIMEDOUT";
}

const SOCKET_LOSS = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "EHOSTUNREACH", "ENETUNREACH"]);

/** A socket's end, a session's, or a stream's: Connect words the last as HTTP/2 does, and without a cause. */
function isLoss(reason: Error): boolean {
  if (reason instanceof ConnectError) return reason.rawMessage.startsWith("http/2 stream closed with error code ");
  const code = codeOf(reason);
  return SOCKET_LOSS.has(code) || code.startsWith("ERR_HTTP2_") || code === "ERR_STREAM_PREMATURE_CLOSE";
}
