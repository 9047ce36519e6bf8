import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc-web";
import type { RequestContext } from "../context.ts";
import { validationError } from "../errors.ts";
import type { Wire } from "./wire.ts";

const CONNECT_TIMEOUT = "Connect-Timeout-Ms";
const GRPC_TIMEOUT = "Grpc-Timeout";

/**
 * The request with the deadline that its client wishes, where that is sooner than ours: a client can shorten a
 * deadline and never lengthen it. Throws VALIDATION_ERROR for a timeout that cannot be read.
 */
export function withClientDeadline(
  context: RequestContext,
  headers: Headers,
  { framing }: Wire,
  now: () => number,
): RequestContext {
  const [name, parse] =
    framing === "grpc-web" ? [GRPC_TIMEOUT, parseGrpcTimeout] : [CONNECT_TIMEOUT, parseConnectTimeout];
  const { timeoutMs, error } = parse(headers.get(name), Number.POSITIVE_INFINITY);
  if (error !== undefined) throw validationError([{ field: name, message: "is no timeout of this protocol" }]);
  if (timeoutMs === undefined) return context;
  return { ...context, deadlineAtMs: Math.min(context.deadlineAtMs, now() + timeoutMs) };
}
