import { type ContextValues, createContextValues, type Transport } from "@connectrpc/connect";
import { expect, onTestFinished } from "vitest";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import type { ServiceAddress } from "#src/config.ts";
import { type Caller, type RequestContext, requestContextKey } from "#src/context.ts";
import { type ErrorCode, GatewayError } from "#src/errors.ts";
import { createNodeTransports, type NodeTransports } from "#src/node/transports.ts";
import { createGatewayMetrics, type GatewayMetrics } from "#src/telemetry/gateway-metrics.ts";
import { createLogger } from "#src/telemetry/logger.ts";
import type { BreakerOptions } from "#src/upstream/breaker.ts";
import type { Breaker, CreateBreaker } from "#src/upstream/breakers.ts";
import { createCallSlots } from "#src/upstream/call-slots.ts";
import { createMemoryBreaker } from "#src/upstream/memory-breaker.ts";
import { createPlatform, type Platform } from "#src/upstream/platform.ts";
import type { PresenceClient } from "#src/upstream/presence-client.ts";
import type { UpstreamProtocol, UpstreamService } from "#src/upstream/services.ts";
import { createUpstreamClient } from "#src/upstream/upstream-client.ts";
import { createWatchedBreakers } from "#src/upstream/watched-breakers.ts";
import { PATIENT_BREAKER } from "./patient.ts";

/** Long enough for the slowest machine: a call that runs into it hangs. */
export const PLENTY_MS = 20_000;

export interface Upstream {
  readonly platform: Platform;
  readonly transports: NodeTransports["transports"];
  readonly metrics: GatewayMetrics;
  readonly breakers: Readonly<Record<UpstreamService, Breaker>>;
  /** What was logged so far, a parsed object a line. */
  readonly log: readonly Record<string, unknown>[];
}

export interface OpenUpstreamOptions {
  readonly protocol?: UpstreamProtocol;
  /** Milliseconds since the epoch. Default the system's clock. */
  readonly now?: () => number;
  /** Default one that never opens. */
  readonly breaker?: BreakerOptions;
  readonly createBreaker?: CreateBreaker;
  readonly maxInFlight?: number;
  readonly requestTimeoutMs?: number;
}

const inMemory: CreateBreaker = (_service, setup) => createMemoryBreaker(setup);

/** The gateway's own clients, over real sockets, let go of when the test has finished. */
export function openUpstream(
  urls: string | Readonly<Record<UpstreamService, string>>,
  {
    protocol = "grpc",
    now = Date.now,
    breaker = PATIENT_BREAKER,
    createBreaker = inMemory,
    maxInFlight = 1_000,
    requestTimeoutMs = 30_000,
  }: OpenUpstreamOptions = {},
): Upstream {
  const address = (service: UpstreamService): ServiceAddress => ({
    url: typeof urls === "string" ? urls : urls[service],
    protocol,
  });
  const { transports, close } = createNodeTransports({
    users: address("users"),
    tasks: address("tasks"),
    recommendation: address("recommendation"),
    orchestrator: address("orchestrator"),
  });
  onTestFinished(close);
  const metrics = createGatewayMetrics();
  const log: Record<string, unknown>[] = [];
  const logger = createLogger({ level: "debug", write: (line) => log.push(JSON.parse(line)), now });
  const breakers = createWatchedBreakers({ create: createBreaker, options: breaker, metrics, logger, now });
  const presence = noPresence;
  const platform = createPlatform({
    transports,
    presence,
    breakers,
    maxInFlight,
    requestTimeoutMs,
    metrics,
    now,
  });
  return { platform, transports, metrics, breakers, log };
}

/** The gateway's client of the User Service, over a transport that a test has made. */
export function openUsers(transport: Transport, metrics = createGatewayMetrics()): Platform["users"] {
  return createUpstreamClient(UserService, {
    service: "users",
    transport,
    metrics,
    breaker: createMemoryBreaker({ options: PATIENT_BREAKER, now: Date.now, onChange: () => {} }),
    slots: createCallSlots({ most: 1_000, now: Date.now }),
    requestTimeoutMs: 30_000,
    now: Date.now,
  });
}

const noPresence: PresenceClient = { tell: async () => {}, checkHealth: async () => {} };

export interface ContextOptions {
  readonly signal?: AbortSignal;
  readonly deadlineAtMs?: number;
  readonly caller?: Caller;
  readonly requestId?: string;
  readonly traceparent?: string;
}

/** What a handler would hand on: a request of ours, with time enough unless told. */
export function callContext(options: ContextOptions = {}): { values: ContextValues; signal: AbortSignal } {
  return {
    values: createContextValues().set(requestContextKey, requestContext(options)),
    signal: options.signal ?? new AbortController().signal,
  };
}

export function requestContext(options: ContextOptions = {}): RequestContext {
  return {
    requestId: options.requestId ?? "req-1",
    traceparent: options.traceparent,
    deadlineAtMs: options.deadlineAtMs ?? Date.now() + PLENTY_MS,
    caller: options.caller,
    note: () => {},
    cacheUses: [],
  };
}

/** The GatewayError that a call ends with. */
export async function gatewayErrorOf(call: Promise<unknown>): Promise<GatewayError> {
  const thrown = await call.then(
    (answer) => expect.fail(`expected a failure, had an answer: ${String(answer)}`),
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(GatewayError);
  return thrown as GatewayError;
}

/** What is expected of a failure, short: code, status, Retry-After. */
export function outline({ errorCode, status, retryAfterSeconds }: GatewayError): [ErrorCode, number, number?] {
  return retryAfterSeconds === undefined ? [errorCode, status] : [errorCode, status, retryAfterSeconds];
}

/** The series of gateway_service_calls_total, as `service method status` with its value. */
export function serviceCalls(metrics: GatewayMetrics): Record<string, number> {
  const series = metrics
    .render()
    .matchAll(/^gateway_service_calls_total\{service="([^"]*)",method="([^"]*)",status="([^"]*)"\} (\d+)$/gm);
  return Object.fromEntries(
    [...series].map(([, service, method, status, n]) => [`${service} ${method} ${status}`, Number(n)]),
  );
}

/** Waits until something has happened on another side of a socket. Fails only where it never happens. */
export async function eventually(check: () => boolean, what: string): Promise<void> {
  const giveUpAt = Date.now() + PLENTY_MS;
  while (!check()) {
    if (Date.now() > giveUpAt) expect.fail(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
