import { isFieldError } from "@bufbuild/protobuf/reflect";
import { shorten } from "../contract/violations.ts";
import { type GatewayError, type Violation, validationError } from "../errors.ts";

/**
 * The error for a message that cannot be read, for whatever reason: bytes that are no envelope, no protobuf, no JSON, or
 * JSON of another shape. What a parser says of it may be a piece of somebody's password: neither the client nor the log is
 * given its text.
 */
export function unreadable(problem: unknown): GatewayError {
  return validationError([violationOf(problem)]);
}

function violationOf(problem: unknown): Violation {
  for (let error = problem; error instanceof Error; error = error.cause) {
    if (isFieldError(error)) return { field: error.field().name, message: "has a value that it cannot have" };
    const unknownKey = UNKNOWN_KEY.exec(error.message)?.[1];
    if (unknownKey !== undefined) return { field: shorten(unknownKey), message: "is not a known field" };
  }
  return { field: "", message: "the message cannot be read" };
}

/** How protobuf-es names a JSON member that the message does not have. */
const UNKNOWN_KEY = / from JSON: key "(.*)" is unknown$/s;
