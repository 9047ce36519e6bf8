import { Code, ConnectError, createClient, createContextValues, type Transport } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { createCallSlots } from "#src/upstream/call-slots.ts";
import { createMemoryBreaker } from "#src/upstream/memory-breaker.ts";
import { requestContextKey } from "../../src/context.ts";
import { type ErrorCode, GatewayError } from "../../src/errors.ts";
import { OrchestratorService } from "../../src/gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { UserService } from "../../src/gen/platform/users/v1/users_pb.ts";
import { createGatewayMetrics } from "../../src/telemetry/gateway-metrics.ts";
import { createUpstreamClient } from "../../src/upstream/upstream-client.ts";
import { PATIENT_BREAKER } from "../support/patient.ts";

export type FetchProtocol = "connect" | "grpc-web";

/** How a call to the failing service ends: the second part of its path. */
export type FailingCall =
  | (typeof FAILURES)[number][0]
  | "good"
  | "a push-back"
  | (typeof WELL)[number]
  | (typeof STREAMS)[number];

type Verdict = readonly [code: ErrorCode, status: number, retryAfterSeconds?: number];
const BAD_GATEWAY: Verdict = ["UPSTREAM_ERROR", 502];
const UNAVAILABLE: Verdict = ["SERVICE_UNAVAILABLE", 503, 2];
const TOO_LATE: Verdict = ["DEADLINE_EXCEEDED", 504];

/** Long enough for the slowest machine: a call that runs into it hangs. */
const PLENTY_MS = 20_000;
const SHORT_MS = 400;

/** As the table of Node's transports has it, but for what fetch cannot tell apart. */
const FAILURES = [
  ["HTTP 401", BAD_GATEWAY, "our credentials, not the user's token"],
  ["HTTP 403", ["ACCESS_DENIED", 403], "a policy on the way says no"],
  ["HTTP 404", ["UNIMPLEMENTED", 501], "no such rpc"],
  ["HTTP 429", UNAVAILABLE, "the proxy's limit is on us"],
  ["HTTP 500", BAD_GATEWAY, "the proxy itself is broken"],
  ["HTTP 502", UNAVAILABLE, "the proxy cannot reach the service"],
  ["HTTP 503", UNAVAILABLE, "no endpoint is ready"],
  ["HTTP 504", TOO_LATE, "the service was too slow for the proxy"],
  ["HTTP 504 without a body", TOO_LATE, "Cloudflare takes a 504's body away"],
  ["HTTP 204", BAD_GATEWAY, "a Response that must not have a body"],
  ["HTML with 200", BAD_GATEWAY, "a login page"],
  ["a redirect", BAD_GATEWAY, "following it would carry our metadata and the secret elsewhere"],
  ["silence", TOO_LATE, "before the head"],
  ["silence after the head", TOO_LATE, "a head is no answer"],
  ["a dropped connection", UNAVAILABLE, "to fetch it is one that was never made"],
  ["what is no HTTP", UNAVAILABLE, "the same"],
  ["a connection dropped in the answer", BAD_GATEWAY, "half an answer is none"],
  ["bytes that are no protobuf", BAD_GATEWAY, "a broken proxy"],
  ["an envelope of 4 GiB", BAD_GATEWAY, "refused before anything is allocated"],
  ["gzip that is none", BAD_GATEWAY, "nobody can read it"],
  ["a gzip bomb", BAD_GATEWAY, "64 KiB that become 64 MiB: what is counted is what comes out"],
  ["an answer over 16 MiB", BAD_GATEWAY, "more than we take, and it says so"],
  ["an answer without an end", BAD_GATEWAY, "more than we take, and it does not say so"],
  ["an error's text without an end", BAD_GATEWAY, "an error may not fill the memory either"],
] as const satisfies readonly (readonly [string, Verdict, string])[];

const WELL = ["good", "gzip that was not asked for"] as const;

const STREAMS = [
  "a stream",
  "a stream with a message over 16 MiB",
  "a stream that breaks off",
  "a stream that goes on",
] as const;

export interface FetchTransportTarget {
  /** Of the failing service. */
  readonly url: string;
  /** The transport under test to this address. */
  transport(protocol: FetchProtocol, baseUrl: string): Transport;
}

/** What a transport over fetch must make of everything that can happen on its way. */
export function fetchTransportSuite(target: () => FetchTransportTarget): void {
  const openOver = (protocol: FetchProtocol, way: FailingCall) => {
    const { url, transport } = target();
    return transport(protocol, `${url}/${protocol}/${encodeURIComponent(way)}`);
  };
  const getUser = (transport: Transport, { deadlineMs = PLENTY_MS, signal = new AbortController().signal } = {}) => {
    const client = createUpstreamClient(UserService, {
      service: "users",
      transport,
      metrics: createGatewayMetrics(),
      breaker: createMemoryBreaker({ options: PATIENT_BREAKER, now: Date.now, onChange: () => {} }),
      slots: createCallSlots({ most: 1_000, now: Date.now }),
      requestTimeoutMs: 30_000,
      now: Date.now,
    });
    return client.getUser({ userId: "usr_a" }, { signal, values: valuesOf(deadlineMs) });
  };

  test.each(["an envelope of 4 GiB", "HTML with 200"] as const)(
    "over grpc-web, %s is not given the room that it asks for",
    async (way) => {
      const { cause } = await failureOf(getUser(openOver("grpc-web", way)));
      expect(String(cause)).toMatch(/the answer is larger than|unsupported content type/);
    },
  );

  describe.each(["connect", "grpc-web"] as const)("over %s", (protocol) => {
    const open = (way: FailingCall) => openOver(protocol, way);

    test.each(FAILURES)("%s is %o: %s", async (way, expected) => {
      const deadlineMs = way.startsWith("silence") ? SHORT_MS : PLENTY_MS;
      const error = await failureOf(getUser(open(way), { deadlineMs }));
      expect(outline(error)).toEqual(expected);
      expect(error.message).toMatch(/^The user service /);
      expect(error.message).not.toMatch(/10\.0\.0\.7|127\.0\.0\.1|html|\.ts\b/);
      expect(error.cause, "what the log is told").toBeInstanceOf(Error);
    });

    test.each(WELL)("%s is well", async (way) => {
      expect((await getUser(open(way))).user?.userId).toBe("usr_good");
    });

    test("what a service says beside its error arrives: whether it wants to be called again, above all", async () => {
      const call = createClient(UserService, open("a push-back")).getUser(
        { userId: "usr_a" },
        { timeoutMs: PLENTY_MS },
      );
      const error = await call.then(
        () => expect.fail("it was answered"),
        (reason: unknown) => ConnectError.from(reason),
      );
      expect(error).toMatchObject({ code: Code.Unavailable, isWireError: true });
      expect(error.metadata.get("grpc-retry-pushback-ms")).toBe("-1");
    });

    test("a service that is not there is 503", async () => {
      // Port 1 (tcpmux) has had nobody behind it for decades.
      const error = await failureOf(getUser(target().transport(protocol, "http://127.0.0.1:1")));
      expect(outline(error)).toEqual(UNAVAILABLE);
    });

    test("our client leaves: CANCELLED, and the service sees the end of the connection", async () => {
      const leave = new AbortController();
      const before = await cutSoFar();
      const failure = failureOf(getUser(open("silence after the head"), { signal: leave.signal }));
      setTimeout(() => leave.abort(), 50);
      expect(outline(await failure)).toEqual(["CANCELLED", 499]);
      await expect.poll(cutSoFar, { timeout: PLENTY_MS }).toBeGreaterThan(before);
    });

    test("what is too large is not read to its end", async () => {
      const before = await cutSoFar();
      await failureOf(getUser(open("an answer without an end")));
      await expect.poll(cutSoFar, { timeout: PLENTY_MS }).toBeGreaterThan(before);
    });

    const watch = (way: (typeof STREAMS)[number], options = {}) =>
      createClient(OrchestratorService, open(way))
        .watchProposals({ userId: "usr_a" }, { timeoutMs: PLENTY_MS, ...options })
        [Symbol.asyncIterator]();

    test("a stream comes message by message, and ends", async () => {
      const events = watch("a stream");
      expect((await events.next()).done).toBe(false);
      expect((await events.next()).done).toBe(false);
      expect((await events.next()).done).toBe(true);
    });

    test.each(["a stream with a message over 16 MiB", "a stream that breaks off"] as const)(
      "%s fails after what was well",
      async (way) => {
        const events = watch(way);
        await expect(events.next().then(() => events.next())).rejects.toThrow();
      },
    );

    test("a stream that goes on ends with its deadline, or with our leaving", async () => {
      const late = watch("a stream that goes on", { timeoutMs: SHORT_MS });
      await late.next();
      await expect(late.next()).rejects.toMatchObject({ code: Code.DeadlineExceeded });
      const leave = new AbortController();
      const left = watch("a stream that goes on", { signal: leave.signal });
      await left.next();
      leave.abort();
      await expect(left.next()).rejects.toMatchObject({ code: Code.Canceled });
    });
  });

  async function cutSoFar(): Promise<number> {
    return Number(await (await fetch(`${target().url}/cut`)).text());
  }
}

function valuesOf(deadlineMs: number) {
  return createContextValues().set(requestContextKey, {
    requestId: "req-1",
    traceparent: undefined,
    deadlineAtMs: Date.now() + deadlineMs,
    caller: undefined,
    note: () => {},
    cacheUses: [],
  });
}

async function failureOf(call: Promise<unknown>): Promise<GatewayError> {
  const thrown = await call.then(
    () => expect.fail("it was answered"),
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(GatewayError);
  return thrown as GatewayError;
}

function outline({ errorCode, status, retryAfterSeconds }: GatewayError): Verdict {
  return retryAfterSeconds === undefined ? [errorCode, status] : [errorCode, status, retryAfterSeconds];
}
