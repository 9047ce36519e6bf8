import { create, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { callSettingsOf } from "#src/contract/call-policy.ts";
import { createGatewayMetrics } from "#src/telemetry/gateway-metrics.ts";
import type { Call } from "#src/upstream/call.ts";
import { hedge } from "#src/upstream/hedge.ts";
import { createRetryBudget, type RetryBudget } from "#src/upstream/retry-budget.ts";
import { requestContext } from "../support/upstream.ts";

const NOW = 1_800_000_000_000;
const { getUser } = UserService.method;
const answer = (userId: string) => create(getUser.output, { user: { userId } }) as Message;
const unavailable = Object.assign(new ConnectError("x", Code.Unavailable), { isWireError: true });
const notFound = Object.assign(new ConnectError("x", Code.NotFound), { isWireError: true });

interface Attempt {
  readonly call: Call;
  readonly resolve: (answer: Message) => void;
  readonly reject: (error: unknown) => void;
}

/** A hedged call whose attempts, and whose wait, end when the test says so. */
function hedged(changes: Partial<Call> = {}, budget: RetryBudget = createRetryBudget()) {
  const attempts: Attempt[] = [];
  const waits: { ms: number; end: () => void }[] = [];
  const metrics = createGatewayMetrics();
  const sleep = (ms: number, signal: AbortSignal) =>
    new Promise<void>((end, stop) => {
      waits.push({ ms, end });
      signal.addEventListener("abort", () => stop(signal.reason));
    });
  const step = hedge({ budget, metrics, now: () => NOW, random: () => 0.5, sleep }, (call) => {
    return new Promise((resolve, reject) => attempts.push({ call, resolve, reject }));
  });
  const client = new AbortController();
  const outcome = step({
    service: "users",
    method: getUser,
    settings: { ...callSettingsOf(getUser), hedgeAfterMs: 50 },
    request: create(getUser.input) as Message,
    context: requestContext(),
    contextValues: createContextValues(),
    deadlineAtMs: NOW + 5_000,
    attempt: 1,
    fresh: false,
    isProbe: false,
    signal: client.signal,
    ...changes,
  });
  // A rejection before the test looks at it is no accident.
  outcome.catch(() => {});
  return { attempts, waits, metrics, outcome, client };
}

/** Lets what has settled be heard. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("a call without hedge_after_ms is one attempt, which waits for nothing", () => {
  const { attempts, waits } = hedged({ settings: callSettingsOf(getUser) });
  expect(attempts).toHaveLength(1);
  expect(waits).toHaveLength(0);
});

test("a probe is one attempt, however long it takes", () => {
  const { attempts, waits } = hedged({ isProbe: true });
  expect(attempts).toHaveLength(1);
  expect(waits).toHaveLength(0);
});

test("an answer in time is the only attempt", async () => {
  const { attempts, waits, outcome } = hedged();
  expect(waits.map(({ ms }) => ms)).toEqual([50]);
  attempts[0]!.resolve(answer("usr_a"));
  expect(await outcome).toEqual(answer("usr_a"));
  waits[0]!.end();
  await turn();
  expect(attempts).toHaveLength(1);
});

test.each([
  [0, 1, "the first was only slow"],
  [1, 0, "the second was faster"],
])("of two attempts, answer %d is taken and attempt %d is cancelled: %s", async (winner, loser) => {
  const { attempts, waits, outcome, metrics } = hedged();
  waits[0]!.end();
  await turn();
  expect(attempts.map(({ call }) => call.attempt)).toEqual([1, 2]);
  attempts[winner]!.resolve(answer(`usr_${winner}`));
  expect(await outcome).toEqual(answer(`usr_${winner}`));
  expect(attempts[loser]!.call.signal.aborted).toBe(true);
  attempts[loser]!.reject(attempts[loser]!.call.signal.reason);
  await turn();
  expect(metrics.render()).toContain(
    'gateway_upstream_retries_total{service="user-service",method="GetUser",reason="slow"} 1\n',
  );
});

test("a failure that another attempt may not have is not waited out", async () => {
  const { attempts, outcome } = hedged();
  attempts[0]!.reject(unavailable);
  await turn();
  expect(attempts).toHaveLength(2);
  attempts[1]!.resolve(answer("usr_b"));
  expect(await outcome).toEqual(answer("usr_b"));
});

test("a failure of one leaves the other its chance", async () => {
  const { attempts, waits, outcome } = hedged();
  waits[0]!.end();
  await turn();
  attempts[1]!.reject(unavailable);
  await turn();
  attempts[0]!.resolve(answer("usr_a"));
  expect(await outcome).toEqual(answer("usr_a"));
});

test("when both fail, that is the answer, and there is no third", async () => {
  const { attempts, outcome } = hedged();
  attempts[0]!.reject(new ConnectError("HTTP 503", Code.Unavailable));
  await turn();
  attempts[1]!.reject(unavailable);
  await expect(outcome).rejects.toBe(unavailable);
  expect(attempts).toHaveLength(2);
});

test("an answer that is final ends both", async () => {
  const { attempts, waits, outcome } = hedged();
  waits[0]!.end();
  await turn();
  attempts[1]!.reject(notFound);
  await expect(outcome).rejects.toBe(notFound);
  expect(attempts[0]!.call.signal.aborted).toBe(true);
});

test("a push-back is kept: the service asks not to be asked again", async () => {
  const { attempts, outcome } = hedged();
  const metadata = { "grpc-retry-pushback-ms": "10" };
  const pushedBack = Object.assign(new ConnectError("x", Code.Unavailable, metadata), { isWireError: true });
  attempts[0]!.reject(pushedBack);
  await expect(outcome).rejects.toBe(pushedBack);
  expect(attempts).toHaveLength(1);
});

test("a spent budget allows no second attempt", async () => {
  const budget = createRetryBudget();
  for (let n = 0; n < 5; n++) budget.spend();
  const { attempts, waits } = hedged({}, budget);
  waits[0]!.end();
  await turn();
  expect(attempts).toHaveLength(1);
});

test("when every answer is slow, a tenth of the calls is hedged in the long run", async () => {
  const budget = createRetryBudget();
  let attemptsMade = 0;
  for (let n = 0; n < 200; n++) {
    const { attempts, waits, outcome } = hedged({}, budget);
    waits[0]!.end();
    await turn();
    attemptsMade += attempts.length;
    attempts[0]!.resolve(answer("usr_a"));
    await outcome;
  }
  expect(attemptsMade).toBeGreaterThan(200);
  expect(attemptsMade).toBeLessThanOrEqual(200 * 1.15);
});

test("a client that leaves cancels both", async () => {
  const { attempts, waits, client, outcome } = hedged();
  waits[0]!.end();
  await turn();
  client.abort();
  expect(attempts.map(({ call }) => call.signal.aborted)).toEqual([true, true]);
  for (const { call, reject } of attempts) reject(call.signal.reason);
  await expect(outcome).rejects.toThrow("aborted");
});

test("nothing is begun after the deadline", async () => {
  const { attempts, waits } = hedged({ deadlineAtMs: NOW });
  waits[0]!.end();
  await turn();
  expect(attempts).toHaveLength(1);
});
