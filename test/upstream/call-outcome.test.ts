import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ERROR_CODES, type ErrorCode, GatewayError } from "#src/errors.ts";
import { outcomeOf } from "#src/upstream/call-outcome.ts";
import type { Outcome } from "#src/upstream/tally.ts";

/** A status that the service sent. */
function wire(code: Code, message = "x"): ConnectError {
  return Object.assign(new ConnectError(message, code), { isWireError: true });
}

/** What Connect makes of an answer that it cannot understand, or of a connection that broke. */
const local = (code: Code, message = "x") => new ConnectError(message, code);

type Row = readonly [errorCode: ErrorCode, cause: unknown, hadItsTime: boolean, outcome: Outcome, why: string];

const ROWS: readonly Row[] = [
  ["SERVICE_UNAVAILABLE", local(Code.Unavailable), true, "failure", "no connection"],
  ["SERVICE_UNAVAILABLE", wire(Code.Unavailable), true, "failure", "the service says so"],
  ["SERVICE_UNAVAILABLE", wire(Code.Unavailable), false, "failure", "however little time there was"],
  ["SERVICE_UNAVAILABLE", undefined, true, "neutral", "a refusal of our own: in-flight limit"],
  ["DEADLINE_EXCEEDED", local(Code.DeadlineExceeded), true, "failure", "it had its time"],
  ["DEADLINE_EXCEEDED", wire(Code.DeadlineExceeded), true, "failure", "it says itself that it was too slow"],
  ["DEADLINE_EXCEEDED", local(Code.DeadlineExceeded), false, "neutral", "the client's own deadline was too short"],
  ["DEADLINE_EXCEEDED", wire(Code.DeadlineExceeded), false, "neutral", "and the service kept to it"],
  ["DEADLINE_EXCEEDED", local(Code.Unavailable, "HTTP 504"), true, "failure", "a proxy gave up"],
  ["UPSTREAM_ERROR", local(Code.Canceled), true, "failure", "a destroyed socket"],
  ["UPSTREAM_ERROR", local(Code.InvalidArgument), true, "failure", "a broken envelope"],
  ["UPSTREAM_ERROR", local(Code.Internal), true, "failure", "no trailers, no protobuf, a reset stream"],
  ["UPSTREAM_ERROR", local(Code.Unknown, "HTTP 200"), true, "failure", "HTML"],
  ["UPSTREAM_ERROR", local(Code.Unknown, "HTTP 500"), true, "failure", "the proxy is broken"],
  ["UPSTREAM_ERROR", local(Code.Unknown, "HTTP 413"), true, "suspect", "perhaps this caller's request is too large"],
  ["UPSTREAM_ERROR", local(Code.ResourceExhausted), true, "suspect", "perhaps this caller's answer is too large"],
  ["UPSTREAM_ERROR", wire(Code.Internal), true, "suspect", "perhaps what this caller sent"],
  ["UPSTREAM_ERROR", wire(Code.Unknown), true, "suspect", "the same"],
  ["UPSTREAM_ERROR", wire(Code.DataLoss), true, "suspect", "the same"],
  ["UPSTREAM_ERROR", wire(Code.Unauthenticated), true, "suspect", "our own credentials, and it answers"],
  ["UPSTREAM_ERROR", wire(Code.Canceled), true, "suspect", "it gave up by itself"],
  ["UPSTREAM_ERROR", wire(99 as Code), true, "failure", "no such code"],
  ["UPSTREAM_ERROR", wire(Code.Internal, "invalid grpc-status: 99"), true, "failure", "Connect's words for the same"],
  ["UPSTREAM_ERROR", new Error("x"), true, "suspect", "nobody knows"],
  ["INVALID_ARGUMENT", wire(Code.InvalidArgument), true, "success", "the service works"],
  ["FAILED_PRECONDITION", wire(Code.FailedPrecondition), true, "success", "the service works"],
  ["OUT_OF_RANGE", wire(Code.OutOfRange), true, "success", "the service works"],
  ["NOT_FOUND", wire(Code.NotFound), true, "success", "the service works"],
  ["ALREADY_EXISTS", wire(Code.AlreadyExists), true, "success", "the service works"],
  ["ABORTED", wire(Code.Aborted), true, "success", "the service works"],
  ["ACCESS_DENIED", wire(Code.PermissionDenied), true, "success", "the service works"],
  ["AUTHENTICATION_FAILED", wire(Code.Unauthenticated), true, "success", "a wrong password opens no breaker"],
  ["RATE_LIMIT_EXCEEDED", wire(Code.ResourceExhausted), true, "success", "one caller may have caused it"],
  ["UNIMPLEMENTED", wire(Code.Unimplemented), true, "success", "an older service, which works"],
  ["CANCELLED", local(Code.Canceled), true, "neutral", "the client went away"],
  ["INTERNAL", new TypeError("x"), true, "neutral", "our own bug"],
];

describe("what a failed call says about its service", () => {
  test.each(ROWS)("%s (%s, had its time: %s): %s, %s", (errorCode, cause, hadItsTime, outcome) => {
    expect(outcomeOf(new GatewayError(errorCode, "x", { cause }), hadItsTime)).toBe(outcome);
  });

  test("what is no answer of ours is a bug of ours, and says nothing about the service", () => {
    expect(outcomeOf(new TypeError("x"), true)).toBe("neutral");
  });

  test("nothing but these can be held against a service", () => {
    const codes = Object.keys(ERROR_CODES) as ErrorCode[];
    const blamed = codes.filter((code) => {
      const outcome = outcomeOf(new GatewayError(code, "x", { cause: local(Code.Internal) }), true);
      return outcome === "failure" || outcome === "suspect";
    });
    expect(blamed).toEqual(["UPSTREAM_ERROR", "SERVICE_UNAVAILABLE", "DEADLINE_EXCEEDED"]);
  });
});
