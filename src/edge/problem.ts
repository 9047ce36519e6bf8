import { ERROR_CODES, type ErrorCode, errorHeaders, type GatewayError, type Violation } from "../errors.ts";

/** The request that a problem answers. */
export interface ProblemRequest {
  readonly requestId: string;
  /** The request's path, percent-encoded as it came, without the query: that may hold what no log should. */
  readonly instance: string;
}

/** A problem body, RFC 9457, with this API's own members after the standard ones. */
export interface ProblemBody {
  /** `about:blank` (the status says it all), or a registered type where one fits. */
  readonly type: "about:blank" | typeof QUOTA_EXCEEDED;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: ErrorCode;
  /** The same text as `detail`: existing clients read either. */
  readonly message: string;
  readonly request_id: string;
  /** Everything that is wrong with the input; absent when the input is not what is wrong. */
  readonly errors?: readonly Violation[];
  /** The limits that the request is over; with the type QUOTA_EXCEEDED, whose member it is. */
  readonly "violated-policies"?: readonly string[];
}

/** draft-ietf-httpapi-ratelimit-headers, section "Quota Exceeded". */
const QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/** A problem, ready to be sent. Header names are in lower case. */
export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ProblemBody;
}

/** The status phrases of RFC 9110; 499 is nginx's. A status that ERROR_CODES gains does not compile until it has one. */
const TITLES: Readonly<Record<(typeof ERROR_CODES)[ErrorCode]["status"], string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  429: "Too Many Requests",
  499: "Client Closed Request",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** What a client is told of an error. Its cause and its stack stay here. */
export function problemOf(error: GatewayError, { requestId, instance }: ProblemRequest): Problem {
  const { status } = ERROR_CODES[error.errorCode];
  const text = error.message;
  const body: ProblemBody = {
    type: "about:blank",
    title: TITLES[status],
    status,
    detail: text,
    instance,
    code: error.errorCode,
    message: text,
    request_id: requestId,
  };
  const headers = problemHeaders(error);
  if (error.violatedPolicies.length > 0) {
    return { status, headers, body: { ...body, type: QUOTA_EXCEEDED, "violated-policies": error.violatedPolicies } };
  }
  if (error.violations.length === 0) return { status, headers, body };
  const errors = error.violations.map(({ field, message }) => ({ field, message }));
  return { status, headers, body: { ...body, errors } };
}

/** The answer that carries a problem. */
export function problemResponse(error: GatewayError, request: ProblemRequest): Response {
  const { status, headers, body } = problemOf(error, request);
  return new Response(JSON.stringify(body), { status, headers });
}

function problemHeaders(error: GatewayError): Record<string, string> {
  return { ...errorHeaders(error), "content-type": "application/problem+json" };
}
