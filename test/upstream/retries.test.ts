import { constants } from "node:http2";
import { create, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { callSettingsOf } from "#src/contract/call-policy.ts";
import { GatewayError } from "#src/errors.ts";
import { createGatewayMetrics } from "#src/telemetry/gateway-metrics.ts";
import type { Call, CallStep } from "#src/upstream/call.ts";
import { failureKindOf } from "#src/upstream/failure-kind.ts";
import { type RepeatOptions, retry, sleep } from "#src/upstream/retry.ts";
import { createRetryBudget } from "#src/upstream/retry-budget.ts";
import { requestContext } from "../support/upstream.ts";

const NOW = 1_800_000_000_000;
const ANSWER = create(UserService.method.getUser.output) as Message;

/** A call with 5 s left, on a clock that only the waits move. */
function callOf(method: keyof typeof UserService.method = "getUser", changes: Partial<Call> = {}): Call {
  const desc = UserService.method[method];
  return {
    service: "users",
    method: desc,
    settings: callSettingsOf(desc),
    request: create(desc.input) as Message,
    context: requestContext(),
    contextValues: createContextValues(),
    deadlineAtMs: NOW + 5_000,
    attempt: 1,
    fresh: false,
    isProbe: false,
    signal: new AbortController().signal,
    ...changes,
  };
}

interface Harness extends RepeatOptions {
  /** The waits so far, in milliseconds. */
  readonly waits: number[];
  readonly attempts: number[];
  /** The outcomes to come: an error is thrown; after the last, all is well. */
  readonly step: CallStep;
}

function harness(outcomes: readonly unknown[], changes: Partial<RepeatOptions> = {}): Harness {
  const waits: number[] = [];
  const attempts: number[] = [];
  const left = [...outcomes];
  const options: RepeatOptions = {
    budget: createRetryBudget(),
    metrics: createGatewayMetrics(),
    now: () => NOW + waits.reduce((sum, ms) => sum + ms, 0),
    random: () => 0.5,
    sleep: async (ms) => void waits.push(ms),
    ...changes,
  };
  const step = retry(options, async ({ attempt }) => {
    attempts.push(attempt);
    const outcome = left.shift();
    if (outcome !== undefined) throw outcome;
    return ANSWER;
  });
  return { ...options, waits, attempts, step };
}

function wireError(code: Code, metadata?: Record<string, string>): ConnectError {
  return Object.assign(new ConnectError("x", code, metadata), { isWireError: true });
}

function because(message: string, code: Code, cause: object): ConnectError {
  const reason = Object.assign(cause instanceof Error ? cause : new Error(message), cause);
  return new ConnectError(message, code, undefined, undefined, reason);
}

const unavailable = wireError(Code.Unavailable);
const refused = because("Stream closed with error code NGHTTP2_REFUSED_STREAM", Code.Internal, {
  code: "ERR_HTTP2_STREAM_ERROR",
});
const unreachable = because("connect ECONNREFUSED", Code.Unavailable, { code: "ECONNREFUSED", syscall: "connect" });
const lost = because("read ECONNRESET", Code.Aborted, { code: "ECONNRESET", syscall: "read" });

describe("what a failure is", () => {
  const plain = (message: string, code: Code) => new ConnectError(message, code);
  const aggregate = (...errors: Error[]) => Object.assign(new AggregateError(errors), { code: "ECONNREFUSED" });
  const attempted = (syscall: string, code = "ECONNREFUSED") => Object.assign(new Error(), { syscall, code });

  test.each<[what: string, thrown: unknown, kind: string]>([
    ["UNAVAILABLE from the service", unavailable, "unavailable"],
    ["a proxy's 503", plain("HTTP 503", Code.Unavailable), "unavailable"],
    ["a peer that answers no PING", plain("PING timed out", Code.Unavailable), "unavailable"],
    ["REFUSED_STREAM by Node", refused, "refused"],
    [
      "REFUSED_STREAM by Connect",
      plain("http/2 stream closed with error code REFUSED_STREAM (0x7)", Code.Unavailable),
      "refused",
    ],
    ["a stream that never got its number", because("x", Code.Internal, { code: "ERR_HTTP2_STREAM_CANCEL" }), "refused"],
    ["a refused connection", unreachable, "unreachable"],
    [
      "a name that is not known",
      because("x", Code.Unavailable, { code: "ENOTFOUND", syscall: "getaddrinfo" }),
      "unreachable",
    ],
    [
      "every address refused",
      because("x", Code.Unavailable, aggregate(attempted("connect"), attempted("connect"))),
      "unreachable",
    ],
    [
      "an aggregate of something else",
      because("x", Code.Unavailable, aggregate(attempted("connect"), attempted("read"))),
      "unavailable",
    ],
    ["a connection that takes too long", because("x", Code.Unavailable, attempted("connect", "ETIMEDOUT")), "final"],
    ["a reset connection", lost, "lost"],
    ["a broken pipe", because("write EPIPE", Code.Internal, { code: "EPIPE", syscall: "write" }), "lost"],
    ["no route, on a connection that was", because("x", Code.Internal, attempted("read", "EHOSTUNREACH")), "lost"],
    ["a dropped connection", plain("http/2 stream closed with error code CANCEL (0x8)", Code.Canceled), "lost"],
    ["a broken session", because("x", Code.Internal, { code: "ERR_HTTP2_SESSION_ERROR" }), "lost"],
    ["an answer", wireError(Code.NotFound), "final"],
    ["a status of the service that only says so", wireError(Code.Internal), "final"],
    ["the deadline", plain("the operation timed out", Code.DeadlineExceeded), "final"],
    ["garbage", plain("unsupported content type text/html", Code.Unknown), "final"],
    ["the words, but not Connect's", plain("REFUSED_STREAM", Code.Internal), "final"],
    [
      "the words, by a service",
      Object.assign(plain("http/2 stream closed with error code REFUSED_STREAM (0x7)", Code.Internal), {
        isWireError: true,
      }),
      "final",
    ],
    ["a refusal of our own, such as the breaker's", new GatewayError("SERVICE_UNAVAILABLE", "x"), "final"],
    ["a bug", new TypeError("x"), "final"],
    ["no error at all", undefined, "final"],
  ])("%s", (_what, thrown, kind) => {
    expect(failureKindOf(thrown)).toBe(kind);
  });

  test("a chain of causes that leads back to itself has an end", () => {
    const error = new ConnectError("x", Code.Unknown);
    error.cause = error;
    expect(failureKindOf(error)).toBe("final");
  });
});

describe("what is made again", () => {
  test.each<[method: keyof typeof UserService.method, failure: ConnectError, attempts: number, why: string]>([
    ["getUser", unavailable, 2, "NO_SIDE_EFFECTS"],
    ["updatePresence", unavailable, 2, "IDEMPOTENT"],
    ["createUser", unavailable, 1, "the user may exist by now"],
    ["authenticateUser", unavailable, 1, "says nothing of itself, so once"],
    ["getUser", lost, 2, "NO_SIDE_EFFECTS"],
    ["createUser", lost, 1, "nobody knows how far it came"],
    ["getUser", refused, 2, "nothing happened"],
    ["createUser", refused, 2, "nothing happened"],
    ["authenticateUser", refused, 2, "nothing happened"],
    ["getUser", unreachable, 2, "nothing was sent"],
    ["createUser", unreachable, 2, "nothing was sent"],
    ["getUser", wireError(Code.NotFound), 1, "an answer"],
    ["getUser", wireError(Code.ResourceExhausted), 1, "more of the same"],
    ["getUser", wireError(Code.Aborted), 1, "the client decides"],
    ["getUser", new ConnectError("x", Code.DeadlineExceeded), 1, "nobody would wait"],
  ])("%s after %s: %d attempts (%s)", async (method, failure, expected) => {
    const { step, attempts } = harness([failure]);
    const outcome = await step(callOf(method)).catch((error: unknown) => error);
    expect(attempts).toEqual([1, 2].slice(0, expected));
    expect(outcome).toBe(expected === 1 ? failure : ANSWER);
  });

  test("not by a probe: it is to find out whether the service is back", async () => {
    const { step, attempts } = harness([refused]);
    await expect(step(callOf("getUser", { isProbe: true }))).rejects.toBe(refused);
    expect(attempts).toEqual([1]);
  });

  test("at most once", async () => {
    const last = wireError(Code.Unavailable);
    const { step, attempts } = harness([unavailable, last]);
    await expect(step(callOf())).rejects.toBe(last);
    expect(attempts).toEqual([1, 2]);
  });

  test("a refusal has a repetition of its own, at once", async () => {
    const { step, attempts, waits } = harness([refused, unavailable]);
    expect(await step(callOf())).toBe(ANSWER);
    expect(attempts).toEqual([1, 2, 3]);
    expect(waits, "only before the third").toEqual([62.5]);
  });

  test("a service that refuses everything is asked three times and no more", async () => {
    const { step, attempts } = harness([refused, refused, refused, refused]);
    await expect(step(callOf("createUser"))).rejects.toBe(refused);
    expect(attempts).toEqual([1, 2, 3]);
  });

  test("the metric and the log line say so", async () => {
    const { step, metrics } = harness([unavailable]);
    const notes: object[] = [];
    await step(callOf("getUser", { context: { ...requestContext(), note: (fields) => notes.push(fields) } }));
    expect(metrics.render()).toContain(
      'gateway_upstream_retries_total{service="user-service",method="GetUser",reason="unavailable"} 1',
    );
    expect(notes).toEqual([{ upstream_retry: "user-service GetUser unavailable" }]);
  });
});

describe("when it is made again", () => {
  test.each([
    [0, 25],
    [0.5, 62.5],
    [1, 100],
  ])("random %d waits %d ms", async (random, waitMs) => {
    const { step, waits } = harness([unavailable], { random: () => random });
    await step(callOf());
    expect(waits).toEqual([waitMs]);
  });

  test.each<[pushback: string, waits: number[] | undefined, why: string]>([
    ["0", [], "now"],
    ["7", [7], "so many milliseconds"],
    ["4999", [4_999], "as long as the deadline allows"],
    ["5000", undefined, "the deadline"],
    ["-1", undefined, "not again"],
    ["", undefined, "cannot be read"],
    ["1.5", undefined, "cannot be read"],
    ["soon", undefined, "cannot be read"],
    ["99999999999999", undefined, "cannot be meant"],
  ])("a push-back of %j: waits %j (%s)", async (pushback, expected) => {
    const failure = wireError(Code.Unavailable, { "grpc-retry-pushback-ms": pushback });
    const { step, waits, attempts } = harness([failure]);
    await step(callOf()).catch(() => {});
    expect(attempts).toHaveLength(expected === undefined ? 1 : 2);
    expect(waits).toEqual(expected ?? []);
  });

  test.each([
    [62, 1, "the wait would end after it"],
    [63, 2, "half a millisecond is left"],
  ])("with %d ms left there are %d attempts: %s", async (leftMs, expected) => {
    const { step, attempts } = harness([unavailable]);
    await step(callOf("getUser", { deadlineAtMs: NOW + leftMs })).catch(() => {});
    expect(attempts).toHaveLength(expected);
  });

  test("never for a client that has left", async () => {
    const client = new AbortController();
    const { budget, metrics, now, random } = harness([]);
    let attempts = 0;
    const step = retry({ budget, metrics, now, random, sleep }, async () => {
      attempts++;
      client.abort();
      throw lost;
    });
    await expect(step(callOf("getUser", { signal: client.signal }))).rejects.toBe(lost);
    expect(attempts).toBe(1);
  });

  test("a client that leaves during the wait ends it", async () => {
    const client = new AbortController();
    const { step, attempts } = harness([unavailable], {
      sleep: (ms, signal) => {
        client.abort();
        return sleep(ms, signal);
      },
    });
    await expect(step(callOf("getUser", { signal: client.signal }))).rejects.toThrow("aborted");
    expect(attempts).toEqual([1]);
  });
});

describe("the budget", () => {
  test("of a service that is down ends after a few calls, and the bar of R-08 holds: attempts ÷ requests ≤ 1.15", async () => {
    const { step, attempts } = harness(Array.from({ length: 1_000 }, () => unavailable));
    const requests = 100;
    for (let n = 0; n < requests; n++) await step(callOf()).catch(() => {});
    expect(attempts.length / requests).toBeLessThanOrEqual(1.15);
    expect(attempts.length, "and yet it was used").toBeGreaterThan(requests);
  });

  test("is refilled by successes, a tenth at a time", async () => {
    const budget = createRetryBudget();
    for (let n = 0; n < 10; n++) budget.spend();
    for (let n = 0; n < 50; n++) budget.noteSuccess();
    expect(budget.allows(), "half is not more than half").toBe(false);
    budget.noteSuccess();
    expect(budget.allows()).toBe(true);
    for (let n = 0; n < 1_000; n++) budget.noteSuccess();
    for (let n = 0; n < 4; n++) budget.spend();
    expect(budget.allows()).toBe(true);
    budget.spend();
    expect(budget.allows(), "there is no saving up").toBe(false);
  });

  test("is spent by writes too, which are not repeated, and not by answers", async () => {
    const spent = createRetryBudget();
    const writes = harness(
      Array.from({ length: 5 }, () => unavailable),
      { budget: spent },
    );
    for (let n = 0; n < 5; n++) await writes.step(callOf("createUser")).catch(() => {});
    expect(spent.allows()).toBe(false);
    const unspent = createRetryBudget();
    const reads = harness(
      Array.from({ length: 5 }, () => wireError(Code.NotFound)),
      { budget: unspent },
    );
    for (let n = 0; n < 5; n++) await reads.step(callOf()).catch(() => {});
    expect(unspent.allows()).toBe(true);
  });

  test("does not stand in the way of what was refused", async () => {
    const budget = createRetryBudget();
    for (let n = 0; n < 10; n++) budget.spend();
    const { step } = harness([refused], { budget });
    expect(await step(callOf("createUser"))).toBe(ANSWER);
  });

  test("R-09: of calls that fail 5 % at random, more than 99.5 % succeed", async () => {
    const { budget, metrics, now, sleep: wait } = harness([]);
    // A generator of its own (mulberry32): the same calls fail in every run.
    let seed = 20_261_126;
    const random = () => {
      seed = (seed + 0x6d2b79f5) | 0;
      let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
    };
    const step = retry({ budget, metrics, now: () => NOW, random, sleep: wait }, async () => {
      if (random() < 0.05) throw unavailable;
      return ANSWER;
    });
    expect(now()).toBe(NOW);
    const requests = 20_000;
    let good = 0;
    for (let n = 0; n < requests; n++)
      good += await step(callOf())
        .then(() => 1)
        .catch(() => 0);
    expect(good / requests).toBeGreaterThanOrEqual(0.995);
    expect(good, "some failed twice: the failures are real").toBeLessThan(requests);
  });
});

test("the code that HTTP/2 refuses with is the one that is looked for", () => {
  expect(constants.NGHTTP2_REFUSED_STREAM).toBe(0x7);
});
