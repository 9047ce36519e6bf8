import { GatewayError } from "../errors.ts";

/**
 * A message that protobuf can carry and JSON cannot, e.g. a Timestamp in the year 10000. Whoever made the message made
 * the mistake, and that is a service behind the gateway: 502, not 500. The log sees the type and the problem, the
 * client one sentence.
 */
export function unwritable(typeName: string, problem: string, cause?: unknown): GatewayError {
  return new GatewayError("UPSTREAM_ERROR", "A service answered with a value that JSON cannot express.", {
    cause: new Error(`${typeName} ${problem}`, { cause }),
  });
}
