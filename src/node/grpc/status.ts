import type { IncomingHttpHeaders } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { validateResponseWithCompression, validateTrailer } from "@connectrpc/connect/protocol-grpc";
import { readableStatus } from "./readable-status.ts";
import type { AnswerHeaders } from "./web-headers.ts";

const PLAIN_TYPES: ReadonlySet<unknown> = new Set(["application/grpc", "application/grpc+proto"]);

/** Throws a ConnectError where a message need not be waited for: something else than a gRPC service has answered. */
export function checkHead(headers: AnswerHeaders): void {
  if (saysNothing(headers)) return;
  validateResponseWithCompression([], headers[":status"] ?? 0, readableStatus(headers));
}

/**
 * Throws a ConnectError where the whole of an answer is not a message and OK: the service's status, or what Connect says
 * of an answer that contradicts itself. What all good answers have is looked at in place; whatever else it may be is
 * Connect's own functions' to read, so that it is read in the same way.
 */
export function checkEnd(headers: AnswerHeaders, trailers: IncomingHttpHeaders, hasMessage: boolean): void {
  if (hasMessage && isOk(trailers) && saysNothing(headers)) return;
  const header = readableStatus(headers);
  const trailer = readableStatus(trailers);
  validateTrailer(trailer, header);
  const { headerError } = validateResponseWithCompression([], headers[":status"] ?? 0, header);
  if (!hasMessage) {
    if (headerError !== undefined) throw headerError;
    const code = trailer.has("grpc-status") ? Code.Unimplemented : Code.Unknown;
    throw new ConnectError("protocol error: missing output message for unary method", code);
  }
  if (headerError !== undefined) {
    throw new ConnectError("protocol error: received output message for unary method with error status", Code.Unknown);
  }
}

/** True for the headers of an answer that is still to come: all that follows decides. */
function saysNothing(headers: AnswerHeaders): boolean {
  return (
    headers[":status"] === 200 &&
    PLAIN_TYPES.has(headers["content-type"]) &&
    headers["grpc-status"] === undefined &&
    headers["grpc-status-details-bin"] === undefined &&
    headers["grpc-encoding"] === undefined
  );
}

function isOk(trailers: IncomingHttpHeaders): boolean {
  return trailers["grpc-status"] === "0" && trailers["grpc-status-details-bin"] === undefined;
}
