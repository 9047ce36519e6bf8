import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { callSettingsOf } from "../../contract/call-policy.ts";
import { ERROR_CODES } from "../../errors.ts";
import type { UpstreamService } from "../../upstream/services.ts";
import { toUpstreamError } from "../../upstream/upstream-errors.ts";

/** Turns whatever a call ended with into the status for the bridge's caller. */
export type ToCallerError = (thrown: unknown, signal: AbortSignal) => ConnectError;

/**
 * A status that the service sent goes on as it is: code, message and details. What went wrong on the way to the service
 * is judged as the gateway judges it (upstream-errors.ts), because to the gateway it will look like the service's own
 * word: UNAVAILABLE where it cannot be reached, DEADLINE_EXCEEDED where it was silent, and INTERNAL for garbage, never
 * the INVALID_ARGUMENT or CANCELED that the library makes of it. The `cause` is for the log.
 */
export function createToCallerError(service: UpstreamService, method: DescMethod): ToCallerError {
  const settings = callSettingsOf(method);
  return (thrown, signal) => {
    if (signal.aborted) return toldToStop(signal);
    const error = ConnectError.from(thrown);
    if (error.isWireError) return error;
    const { errorCode, message } = toUpstreamError(error, { service, settings, signal });
    return new ConnectError(message, ERROR_CODES[errorCode].connect, undefined, undefined, error);
  };
}

/** Why the call was given up on our side: its deadline, our stop, or the caller who left. */
function toldToStop({ reason }: AbortSignal): ConnectError {
  const { rawMessage, code } = ConnectError.from(reason, Code.Canceled);
  return new ConnectError(rawMessage, code);
}
