import { describe, expect, test } from "vitest";
import { problemOf, problemResponse } from "#src/edge/problem.ts";
import { ERROR_CODES, type ErrorCode, GatewayError, type GatewayErrorOptions, validationError } from "#src/errors.ts";

const REQUEST = { requestId: "req-1", instance: "/api/v1/tasks/a%2Fb" };

describe("titles are the status phrases", () => {
  const rows: readonly (readonly [code: ErrorCode, line: string, because: string])[] = [
    ["VALIDATION_ERROR", "400 Bad Request", "refused by the gateway"],
    ["INVALID_ARGUMENT", "400 Bad Request", "refused by the service"],
    ["FAILED_PRECONDITION", "400 Bad Request", "as grpc-gateway; Envoy's library agrees"],
    ["OUT_OF_RANGE", "400 Bad Request", "a page beyond the end, say"],
    ["AUTHENTICATION_FAILED", "401 Unauthorized", "RFC 9110's word, though it means unauthenticated"],
    ["ACCESS_DENIED", "403 Forbidden", "known and not allowed"],
    ["NOT_FOUND", "404 Not Found", "no route, or no such thing"],
    ["METHOD_NOT_ALLOWED", "405 Method Not Allowed", "a known path; grpc-gateway says 501"],
    ["ALREADY_EXISTS", "409 Conflict", "a second one"],
    ["ABORTED", "409 Conflict", "somebody was faster"],
    ["PAYLOAD_TOO_LARGE", "413 Content Too Large", "RFC 9110's phrase, no longer Payload or Entity"],
    ["UNSUPPORTED_MEDIA_TYPE", "415 Unsupported Media Type", "not JSON"],
    ["RATE_LIMIT_EXCEEDED", "429 Too Many Requests", "over the limit"],
    ["CANCELLED", "499 Client Closed Request", "nobody reads it, and it is well-formed for the log"],
    ["INTERNAL", "500 Internal Server Error", "a bug of ours"],
    ["UNIMPLEMENTED", "501 Not Implemented", "an older service"],
    ["UPSTREAM_ERROR", "502 Bad Gateway", "a bug of theirs"],
    ["SERVICE_UNAVAILABLE", "503 Service Unavailable", "unreachable"],
    ["CIRCUIT_BREAKER_OPEN", "503 Service Unavailable", "not even tried"],
    ["DEADLINE_EXCEEDED", "504 Gateway Timeout", "too slow"],
  ];

  for (const [code, line, because] of rows) {
    test(`${code} → ${line}: ${because}`, async () => {
      const response = problemResponse(new GatewayError(code, "No."), REQUEST);
      const body = await response.json();
      expect(`${response.status} ${body.title}`).toBe(line);
      expect(body).toMatchObject({ status: response.status, code });
    });
  }

  test("each code has its row", () => {
    expect(rows.map(([code]) => code)).toEqual(Object.keys(ERROR_CODES));
  });
});

describe("the body", () => {
  test("has RFC 9457's members and then this API's; the path is the instance, as it was sent", () => {
    const { body } = problemOf(new GatewayError("NOT_FOUND", "There is no such task."), REQUEST);
    expect(body).toEqual({
      type: "about:blank",
      title: "Not Found",
      status: 404,
      detail: "There is no such task.",
      instance: "/api/v1/tasks/a%2Fb",
      code: "NOT_FOUND",
      message: "There is no such task.",
      request_id: "req-1",
    });
  });

  test("lists every violation, the input as a whole with an empty field", () => {
    const violations = [
      { field: "title", message: "must not be blank" },
      { field: "", message: "must not be empty" },
    ];
    const { body } = problemOf(validationError(violations), REQUEST);
    expect(body.errors).toEqual(violations);
    expect(body.detail).toBe("The request is not valid: title must not be blank (and 1 more)");
  });

  test("tells nothing of the cause or the stack", async () => {
    const cause = new Error("connect ECONNREFUSED 10.0.0.7:50051");
    const text = await problemResponse(new GatewayError("INTERNAL", "Failed.", { cause }), REQUEST).text();
    expect(text).not.toMatch(/ECONNREFUSED|10\.0\.0\.7|problem\.test|stack|cause/);
  });

  test("takes nothing of a violation but field and message", () => {
    const violation = { field: "a", message: "b", secret: "c" };
    expect(problemOf(validationError([violation]), REQUEST).body.errors).toEqual([{ field: "a", message: "b" }]);
  });
});

describe("the headers", () => {
  const base = { "content-type": "application/problem+json", "cache-control": "no-store" };
  const rows: readonly (readonly [options: GatewayErrorOptions, headers: object, because: string])[] = [
    [{}, base, "no cache keeps a problem"],
    [{ retryAfterSeconds: 7 }, { ...base, "retry-after": "7" }, "seconds"],
    [{ retryAfterSeconds: 0 }, { ...base, "retry-after": "0" }, "at once is an answer too"],
    [{ headers: { Allow: "GET, PUT" } }, { ...base, allow: "GET, PUT" }, "the error's own headers"],
    [{ headers: { "Content-Type": "text/html" } }, base, "which do not change what this is"],
    [{ headers: { "CACHE-CONTROL": "public" } }, base, "in any letter case: Headers would have joined the two"],
  ];
  for (const [options, headers, because] of rows) {
    test(`${JSON.stringify(options)}: ${because}`, () => {
      const response = problemResponse(new GatewayError("NOT_FOUND", "No.", options), REQUEST);
      expect(Object.fromEntries(response.headers)).toEqual(headers);
    });
  }
});
