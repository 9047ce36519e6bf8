import { Code } from "@connectrpc/connect";

/**
 * Every code that a client can read in a problem body, with its HTTP status and the code that Connect and gRPC-Web
 * clients see in its place (contract.md section 4).
 */
export const ERROR_CODES = {
  VALIDATION_ERROR: { status: 400, connect: Code.InvalidArgument },
  INVALID_ARGUMENT: { status: 400, connect: Code.InvalidArgument },
  FAILED_PRECONDITION: { status: 400, connect: Code.FailedPrecondition },
  OUT_OF_RANGE: { status: 400, connect: Code.OutOfRange },
  AUTHENTICATION_FAILED: { status: 401, connect: Code.Unauthenticated },
  ACCESS_DENIED: { status: 403, connect: Code.PermissionDenied },
  NOT_FOUND: { status: 404, connect: Code.NotFound },
  METHOD_NOT_ALLOWED: { status: 405, connect: Code.Unimplemented },
  ALREADY_EXISTS: { status: 409, connect: Code.AlreadyExists },
  ABORTED: { status: 409, connect: Code.Aborted },
  PAYLOAD_TOO_LARGE: { status: 413, connect: Code.ResourceExhausted },
  // As Connect and gRPC have it for compression that is not offered: their clients then send the same without.
  UNSUPPORTED_MEDIA_TYPE: { status: 415, connect: Code.Unimplemented },
  RATE_LIMIT_EXCEEDED: { status: 429, connect: Code.ResourceExhausted },
  CANCELLED: { status: 499, connect: Code.Canceled },
  INTERNAL: { status: 500, connect: Code.Internal },
  UNIMPLEMENTED: { status: 501, connect: Code.Unimplemented },
  UPSTREAM_ERROR: { status: 502, connect: Code.Internal },
  SERVICE_UNAVAILABLE: { status: 503, connect: Code.Unavailable },
  CIRCUIT_BREAKER_OPEN: { status: 503, connect: Code.Unavailable },
  DEADLINE_EXCEEDED: { status: 504, connect: Code.DeadlineExceeded },
} as const satisfies Record<string, { status: number; connect: Code }>;

/** The `code` member of a problem body. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** One thing that is wrong with the input. `field` is in the client's own naming; "" is the input as a whole. */
export interface Violation {
  readonly field: string;
  readonly message: string;
}

export interface GatewayErrorOptions {
  /** What is wrong with the input, all of it at once. */
  readonly violations?: readonly Violation[];
  /** Whole seconds after which another try makes sense; becomes the header Retry-After. */
  readonly retryAfterSeconds?: number;
  /** The limits that the request is over, by their names: only for RATE_LIMIT_EXCEEDED that we decide ourselves. */
  readonly violatedPolicies?: readonly string[];
  /** Further headers of the answer, e.g. Allow or WWW-Authenticate. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What happened underneath. It is logged and never shown. */
  readonly cause?: unknown;
}

/**
 * An answer other than success that we mean to give. Its message is written for the client. Whatever else is thrown
 * is a bug and answered as INTERNAL (see toGatewayError).
 *
 * No subclass of ConnectError: that class decides `instanceof` by itself, and says yes to any ConnectError for a
 * subclass too.
 */
export class GatewayError extends Error {
  override name = "GatewayError";
  readonly errorCode: ErrorCode;
  readonly violations: readonly Violation[];
  readonly retryAfterSeconds: number | undefined;
  readonly violatedPolicies: readonly string[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(errorCode: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.errorCode = errorCode;
    this.violations = options.violations ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.violatedPolicies = options.violatedPolicies ?? [];
    this.headers = options.headers ?? {};
  }

  /** The HTTP status of the answer. */
  get status(): number {
    return ERROR_CODES[this.errorCode].status;
  }
}

/** The headers of the answer that tells an error, over whatever protocol, by their lower-case names. */
export function errorHeaders(error: GatewayError): Record<string, string> {
  const headers: Record<string, string> = {};
  // In lower case, so that no header stands there in two spellings, which Headers would join to one value.
  for (const [name, value] of Object.entries(error.headers)) headers[name.toLowerCase()] = value;
  if (error.retryAfterSeconds !== undefined) headers["retry-after"] = String(error.retryAfterSeconds);
  headers["cache-control"] = "no-store";
  return headers;
}

/** Bad input, with everything that is wrong about it. */
export function validationError(violations: readonly Violation[]): GatewayError {
  const first = violations[0];
  const detail = first === undefined ? "The request is not valid." : `The request is not valid: ${describe(first)}`;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : "";
  return new GatewayError("VALIDATION_ERROR", detail + more, { violations });
}

/**
 * A 401. `oauthError` is the error code of RFC 6750, section 3.1 (or RFC 6749 for a sign-in); a request that brought
 * no credentials at all gets none.
 */
export function authenticationError(
  detail: string,
  oauthError?: "invalid_token" | "invalid_grant",
  cause?: unknown,
): GatewayError {
  const challenge = oauthError === undefined ? "" : `, error="${oauthError}"`;
  const headers = { "WWW-Authenticate": `Bearer realm="devmatch"${challenge}` };
  return new GatewayError("AUTHENTICATION_FAILED", detail, { headers, cause });
}

function describe(violation: Violation): string {
  return violation.field === "" ? violation.message : `${violation.field} ${violation.message}`;
}

/**
 * The one door into GatewayError. Upstream errors have been translated where they arise (upstream/upstream-errors.ts),
 * so anything that is not a GatewayError here is a defect of the gateway: it is answered with one sentence, and only
 * the log sees the cause. Its text may name addresses or carry somebody's data.
 */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError("INTERNAL", "The gateway failed to answer this request.", { cause: thrown });
}
