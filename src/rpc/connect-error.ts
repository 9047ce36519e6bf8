import { type Code, ConnectError } from "@connectrpc/connect";
import { ERROR_CODES, type GatewayError } from "../errors.ts";
import { BadRequestSchema, ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.ts";

/** Who gives the reasons in ErrorInfo their meaning. */
const DOMAIN = "devmatch";

/**
 * What a Connect or gRPC-Web client is told of an error: the code, the same text as over REST, and as details
 * google.rpc.ErrorInfo, whose reason is REST's `code`, and for bad input google.rpc.BadRequest. Google's types and not
 * our own, since the tools of gRPC know how to show them. Cause, stack and headers stay here.
 */
export function toConnectError(failure: GatewayError, code: Code = connectCodeOf(failure)): ConnectError {
  const { errorCode, message, violations } = failure;
  const error = new ConnectError(message, code);
  error.details.push({ desc: ErrorInfoSchema, value: { reason: errorCode, domain: DOMAIN } });
  if (violations.length > 0) {
    const fieldViolations = violations.map(({ field, message: description }) => ({ field, description }));
    error.details.push({ desc: BadRequestSchema, value: { fieldViolations } });
  }
  return error;
}

function connectCodeOf({ errorCode }: GatewayError): Code {
  return ERROR_CODES[errorCode].connect;
}
