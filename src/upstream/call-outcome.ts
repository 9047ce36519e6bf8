import { Code, ConnectError } from "@connectrpc/connect";
import { GatewayError } from "../errors.ts";
import type { Outcome } from "./tally.ts";
import { proxyStatusOf } from "./upstream-errors.ts";

/**
 * What a failed call says about the service (the Breaker column of "An upstream's failure, and the right answer" in the
 * project's reliability notes). Nothing that a client can cause may be a failure, or one caller could close the service
 * to all; a status that a caller may have provoked counts in the rate only. `hadItsTime` tells that nobody has shortened
 * the time that the call has by its policy.
 */
export function outcomeOf(thrown: unknown, hadItsTime: boolean): Outcome {
  // Without a cause it is a refusal of our own, such as the in-flight limit's: the service was not asked.
  if (!(thrown instanceof GatewayError) || thrown.cause === undefined) return "neutral";
  switch (thrown.errorCode) {
    case "SERVICE_UNAVAILABLE":
      return "failure";
    case "DEADLINE_EXCEEDED":
      return hadItsTime ? "failure" : "neutral";
    case "UPSTREAM_ERROR":
      return garbledOutcome(thrown.cause);
    case "CANCELLED":
    case "INTERNAL":
      return "neutral";
    default:
      // The service has answered, and spoke of the request.
      return "success";
  }
}

function garbledOutcome(cause: unknown): Outcome {
  if (!(cause instanceof ConnectError)) return "suspect";
  // INTERNAL, UNKNOWN, DATA_LOSS as the service sent it, or our own credentials refused.
  if (cause.isWireError) return isStatus(cause) ? "suspect" : "failure";
  // An answer that is larger than we take: perhaps what this caller keeps there.
  if (cause.code === Code.ResourceExhausted) return "suspect";
  // A proxy that finds the request too large, or odd.
  if (proxyStatusOf(cause)?.startsWith("4")) return "suspect";
  return "failure";
}

/** Connect takes a number that is no gRPC code as it is, or says in a text of its own that there is none. */
function isStatus({ code, rawMessage }: ConnectError): boolean {
  return code in Code && !rawMessage.startsWith("invalid grpc-status: ");
}
