import { Code, ConnectError } from "@connectrpc/connect";
import type { CallSettings } from "../contract/call-policy.ts";
import { authenticationError, type ErrorCode, GatewayError } from "../errors.ts";
import type { Call } from "./call.ts";
import { neverArrived } from "./failure-kind.ts";
import { titleOf } from "./services.ts";

/** What a service says of its caller's request: these codes keep their meaning, and their text is for the client. */
const ABOUT_THE_REQUEST: ReadonlyMap<Code, ErrorCode> = new Map([
  [Code.InvalidArgument, "INVALID_ARGUMENT"],
  [Code.FailedPrecondition, "FAILED_PRECONDITION"],
  [Code.OutOfRange, "OUT_OF_RANGE"],
  [Code.NotFound, "NOT_FOUND"],
  [Code.AlreadyExists, "ALREADY_EXISTS"],
  [Code.Aborted, "ABORTED"],
  [Code.PermissionDenied, "ACCESS_DENIED"],
]);

/** What of a call decides how its failure reads. */
export interface FailedCall extends Pick<Call, "service" | "signal"> {
  readonly settings: Pick<CallSettings, "checksCredentials">;
}

/** Seconds that a client should wait for a service that is down: about as long as a restart takes. */
const RETRY_AFTER_SECONDS = 2;

/**
 * Turns whatever a call ended with into the answer for our client (contract.md section 4; the table "An upstream's
 * failure, and the right answer" in the project's reliability notes).
 *
 * Connect makes errors of its own where an answer cannot be understood, and gives them codes that a service could have
 * sent: a broken envelope is INVALID_ARGUMENT, a destroyed socket CANCELED or ABORTED. Only an error that came over
 * the wire as a status may therefore be read as the service's word; anything else is the connection's fault, or ours.
 */
export function toUpstreamError(thrown: unknown, call: FailedCall): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  if (call.signal.aborted) return new GatewayError("CANCELLED", "The client went away.", { cause: thrown });
  const error = ConnectError.from(thrown);
  return error.isWireError ? fromStatus(error, call) : fromConnection(error, call);
}

function fromStatus(error: ConnectError, { service, settings }: FailedCall): GatewayError {
  const aboutTheRequest = ABOUT_THE_REQUEST.get(error.code);
  if (aboutTheRequest !== undefined) {
    return new GatewayError(aboutTheRequest, clientText(error.rawMessage, aboutTheRequest), { cause: error });
  }
  switch (error.code) {
    case Code.Unauthenticated:
      if (!settings.checksCredentials) return garbled(error, service);
      return authenticationError("The e-mail address or the password is wrong.", "invalid_grant", error);
    case Code.ResourceExhausted:
      return new GatewayError("RATE_LIMIT_EXCEEDED", `The ${titleOf(service)} is at its limit.`, {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
        cause: error,
      });
    case Code.Unimplemented:
      return new GatewayError("UNIMPLEMENTED", `The ${titleOf(service)} does not offer this.`, { cause: error });
    case Code.Unavailable:
      return unavailable(error, service);
    case Code.DeadlineExceeded:
      return tooLate(error, service);
    default:
      return garbled(error, service);
  }
}

function fromConnection(error: ConnectError, { service }: FailedCall): GatewayError {
  switch (proxyStatusOf(error)) {
    case "403":
      return new GatewayError("ACCESS_DENIED", `The ${titleOf(service)} refused the call.`, { cause: error });
    case "404":
      return new GatewayError("UNIMPLEMENTED", `The ${titleOf(service)} does not offer this.`, { cause: error });
    case "504":
      return tooLate(error, service);
    default:
  }
  if (error.code === Code.Unavailable || isUnreachable(error) || neverArrived(error))
    return unavailable(error, service);
  if (error.code === Code.DeadlineExceeded) return tooLate(error, service);
  return garbled(error, service);
}

/**
 * The HTTP status of a proxy in front of the service that answered by itself, three digits. Connect puts it into the
 * text and nowhere else.
 */
export function proxyStatusOf({ rawMessage }: ConnectError): string | undefined {
  return /^HTTP (\d{3})$/.exec(rawMessage)?.[1];
}

/** What sockets say of a host that cannot be reached, as far as Connect does not know it for UNAVAILABLE. */
const UNREACHABLE = new Set(["EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "EADDRNOTAVAIL"]);

function isUnreachable({ cause }: ConnectError): boolean {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" && UNREACHABLE.has(cause.code);
}

function unavailable(cause: unknown, service: Call["service"]): GatewayError {
  const detail = `The ${titleOf(service)} is not available.`;
  return new GatewayError("SERVICE_UNAVAILABLE", detail, { retryAfterSeconds: RETRY_AFTER_SECONDS, cause });
}

function tooLate(cause: unknown, service: Call["service"]): GatewayError {
  return new GatewayError("DEADLINE_EXCEEDED", `The ${titleOf(service)} did not answer in time.`, { cause });
}

function garbled(cause: unknown, service: Call["service"]): GatewayError {
  return new GatewayError("UPSTREAM_ERROR", `The ${titleOf(service)} failed to answer.`, { cause });
}

const MAX_TEXT_LENGTH = 300;
/** As much of a text as is examined. More is not shown, and a pattern must not meet megabytes. */
const MAX_EXAMINED_LENGTH = 2_000;

/** What must not reach a client's terminal or log: control characters, line breaks, and what turns the text around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are meant.
const UNSHOWABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g;

/** What was not written for clients, whatever its code: a service that passes on what broke inside it. */
const INTERNAL: readonly RegExp[] = [
  /:\/\//, // a URL
  /\b\d{1,3}(\.\d{1,3}){3}\b/, // IPv4
  /::|\b([0-9a-f]{1,4}:){7}/i, // IPv6, and types such as std::bad_alloc
  /:\d{4,5}\b/, // a port
  /\blocalhost\b|\.(internal|local|svc)\b/i, // names inside the cluster
  /\bE(CONN|HOST|NET|PIPE|TIMEDOUT|ADDR|AI_)/, // a socket's error
  /(^|[\s"'(=])\/[\w.-]+\/[\w.-]+|\b[A-Za-z]:\\/, // a path
  /\bat (async )?[^\s()]{1,200} ?\([^()]{0,200}:\d/, // a stack of Node's or Java's
  /\bTraceback\b|\bgoroutine \d|\bpanic:/, // of Python's or Go's
];

/** A service's words, fit for a client: one line, bounded; or our own, where the service's were not for clients. */
function clientText(text: string, fallback: ErrorCode): string {
  const line = text.slice(0, MAX_EXAMINED_LENGTH).replace(UNSHOWABLE, " ").trim();
  if (line === "" || INTERNAL.some((pattern) => pattern.test(line))) {
    return FALLBACK_TEXT[fallback] ?? "The request was refused.";
  }
  const characters = [...line];
  return characters.length > MAX_TEXT_LENGTH ? `${characters.slice(0, MAX_TEXT_LENGTH).join("")}…` : line;
}

const FALLBACK_TEXT: Readonly<Partial<Record<ErrorCode, string>>> = {
  NOT_FOUND: "There is no such thing.",
  ALREADY_EXISTS: "It exists already.",
  ABORTED: "Somebody else changed it at the same time.",
  ACCESS_DENIED: "You may not do this.",
};
