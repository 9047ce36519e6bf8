import { expect } from "vitest";
import { type Answer, type CallOptions, call } from "./gateway-under-test.ts";

/** What a refusal must be. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  /** The fields that `errors` names, each as often as there is something wrong with it; in any order. */
  readonly fields?: readonly string[];
}

/** 400 by the gateway itself, about these fields and no others. */
export function invalid(...fields: readonly string[]): Refusal {
  return { status: 400, code: "VALIDATION_ERROR", fields };
}

export const NOT_FOUND: Refusal = { status: 404, code: "NOT_FOUND" };
export const ACCESS_DENIED: Refusal = { status: 403, code: "ACCESS_DENIED" };
export const UNAUTHENTICATED: Refusal = { status: 401, code: "AUTHENTICATION_FAILED" };
export const METHOD_NOT_ALLOWED: Refusal = { status: 405, code: "METHOD_NOT_ALLOWED" };
export const CONFLICT: Refusal = { status: 409, code: "ALREADY_EXISTS" };
export const TOO_LARGE: Refusal = { status: 413, code: "PAYLOAD_TOO_LARGE" };
export const NOT_JSON: Refusal = { status: 415, code: "UNSUPPORTED_MEDIA_TYPE" };

export const OVER_LIMIT: Refusal = { status: 429, code: "RATE_LIMIT_EXCEEDED" };

/** The problem type that draft-ietf-httpapi-ratelimit-headers registers. */
const QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/** The status phrases of RFC 9110. */
const PHRASES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  429: "Too Many Requests",
};

/** Makes a call that must be refused, and holds the refusal to its status, its code, its fields, and its form. */
export async function expectRefusal(
  url: string,
  request: string,
  options: CallOptions,
  refusal: Refusal,
  why = request,
): Promise<Answer> {
  const answer = await call(url, request, options);
  const { status, code, fields } = refusal;
  expect({ status: answer.status, code: answer.body?.code, fields: fieldsOf(answer) }, why).toEqual({
    status,
    code,
    fields: fields?.toSorted(),
  });
  expectProblem(url, request, answer);
  return answer;
}

/** The fields that an answer's `errors` names, sorted; undefined where it has none. */
export function fieldsOf({ body }: Answer): string[] | undefined {
  return body?.errors?.map(({ field }: { field: string }) => field).sort();
}

/** Holds any refusal to contract.md section 4: the members and no others, and the same id in body and header. */
export function expectProblem(url: string, request: string, { status, headers, body }: Answer): void {
  const path = request.slice(request.indexOf(" ") + 1);
  expect(headers.get("content-type"), request).toBe("application/problem+json");
  expect(body, request).toEqual({
    type: body["violated-policies"] === undefined ? "about:blank" : QUOTA_EXCEEDED,
    title: PHRASES[status],
    status,
    detail: expect.stringMatching(/\S/),
    instance: new URL(`${url}${path}`).pathname.slice(0, 1024),
    code: expect.stringMatching(/^[A-Z_]+$/),
    message: body.detail,
    request_id: headers.get("x-request-id"),
    ...(body.code === "VALIDATION_ERROR" && { errors: expect.any(Array) }),
    ...(body["violated-policies"] !== undefined && { "violated-policies": expect.any(Array) }),
  });
  for (const error of body.errors ?? []) {
    expect(error, request).toEqual({ field: expect.any(String), message: expect.stringMatching(/\S/) });
  }
  if (status === 401) expect(headers.get("www-authenticate"), request).toMatch(/^Bearer( |$)/);
  if (status === 429) expect(headers.get("retry-after"), request).toMatch(/^[1-9]\d*$/);
  if (status === 405) expect(headers.get("allow"), request).toMatch(/\bOPTIONS\b/);
}
