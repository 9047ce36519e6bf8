import { Code, ConnectError } from "@connectrpc/connect";
import { ERROR_CODES, GatewayError } from "../errors.ts";

/**
 * The code that the call ended with, as the metric spells it: what the service sent, where it sent a status. Where it
 * did not, Connect's own code would mislead (a broken envelope is INVALID_ARGUMENT), so our verdict's counts.
 */
export function grpcCodeName(error: unknown): string {
  if (!(error instanceof GatewayError)) return "UNKNOWN";
  const { cause, errorCode } = error;
  const sent = cause instanceof ConnectError && cause.isWireError;
  return GRPC_CODE_NAMES[sent ? cause.code : ERROR_CODES[errorCode].connect] ?? "UNKNOWN";
}

const GRPC_CODE_NAMES: Readonly<Partial<Record<Code, string>>> = {
  [Code.Canceled]: "CANCELLED",
  [Code.Unknown]: "UNKNOWN",
  [Code.InvalidArgument]: "INVALID_ARGUMENT",
  [Code.DeadlineExceeded]: "DEADLINE_EXCEEDED",
  [Code.NotFound]: "NOT_FOUND",
  [Code.AlreadyExists]: "ALREADY_EXISTS",
  [Code.PermissionDenied]: "PERMISSION_DENIED",
  [Code.ResourceExhausted]: "RESOURCE_EXHAUSTED",
  [Code.FailedPrecondition]: "FAILED_PRECONDITION",
  [Code.Aborted]: "ABORTED",
  [Code.OutOfRange]: "OUT_OF_RANGE",
  [Code.Unimplemented]: "UNIMPLEMENTED",
  [Code.Internal]: "INTERNAL",
  [Code.Unavailable]: "UNAVAILABLE",
  [Code.DataLoss]: "DATA_LOSS",
  [Code.Unauthenticated]: "UNAUTHENTICATED",
};
