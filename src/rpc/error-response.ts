import { Code, type ConnectError } from "@connectrpc/connect";
import { errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { errorHeaders, type GatewayError } from "../errors.ts";
import { toConnectError } from "./connect-error.ts";
import { contentTypeOf, type Wire } from "./wire.ts";
import { type Bytes, endFrame } from "./write-message.ts";

/**
 * The answer to an rpc that was refused or failed before its first message, in the client's protocol; a plain one where
 * that is none. Headers that belong to the error (Retry-After, WWW-Authenticate) are HTTP headers in all of them.
 *
 * A plain answer has REST's status. Connect's own table differs for four of our codes (413 would be 429, 415 and 405
 * 501, 502 500); its clients read the code in the body and not the status, and everybody between us and them reads
 * the status: one mistake then has one number in every log, and no client's mistake is a 5xx.
 */
export function errorResponse(failure: GatewayError, wire: Wire | undefined): Response {
  const error = toConnectError(failure);
  if (wire === undefined || wire.framing === "plain") return plainResponse(failure, error);
  const headers = { ...errorHeaders(failure), "content-type": contentTypeOf(wire) };
  return new Response(endFrame(wire, undefined, error), { headers });
}

/** A package, a service and an rpc, as every path of an rpc is written. */
const RPC_PATH = /^\/(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*\/[A-Za-z_]\w*$/;

/**
 * What a path without a route answers if it is written like an rpc's; undefined where it is not. No rpc is
 * UNIMPLEMENTED to these clients, whatever their protocol: NOT_FOUND would say that the rpc looked for something.
 */
export function unmatchedRpcResponse(failure: GatewayError, path: string): Response | undefined {
  if (!RPC_PATH.test(path)) return undefined;
  const code = failure.errorCode === "NOT_FOUND" ? Code.Unimplemented : undefined;
  return plainResponse(failure, toConnectError(failure, code));
}

function plainResponse(failure: GatewayError, error: ConnectError): Response {
  const headers = { ...errorHeaders(failure), "content-type": "application/json" };
  return new Response(errorToJsonBytes(error, undefined) as Bytes, {
    status: failure.status,
    headers,
  });
}
