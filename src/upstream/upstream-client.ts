import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type Transport } from "@connectrpc/connect";
import { requestContextOf } from "../context.ts";
import { type CallSettings, callSettingsOf } from "../contract/call-policy.ts";
import type { GatewayMetrics } from "../telemetry/gateway-metrics.ts";
import type { Breaker } from "./breakers.ts";
import type { Call, CallStep } from "./call.ts";
import type { CallCache } from "./call-cache.ts";
import type { CallSlots } from "./call-slots.ts";
import { grpcCodeName } from "./grpc-code-name.ts";
import { guardWithBreaker } from "./guard-with-breaker.ts";
import { hedge } from "./hedge.ts";
import { limitInFlight } from "./limit-in-flight.ts";
import { metadataOf } from "./metadata.ts";
import { createMethodCounters, type MethodCounters } from "./method-counters.ts";
import { retry, sleep } from "./retry.ts";
import { createRetryBudget } from "./retry-budget.ts";
import { labelOf, type UpstreamService } from "./services.ts";
import { createStreamCall, type StreamCall } from "./stream-call.ts";
import { toUpstreamError } from "./upstream-errors.ts";

/** What a call needs of the request that it serves: any handler's context has it. */
export interface CallContext extends Pick<HandlerContext, "values" | "signal"> {
  /** True: never from the cache. See fetchedNow. */
  readonly fresh?: boolean;
}

/**
 * For calls whose answer decides something: who may write, what a write is merged with, which role a token gets. What is
 * only shown may be a few seconds old, what is decided on may not.
 */
export function fetchedNow({ values, signal }: CallContext): CallContext {
  return { values, signal, fresh: true };
}

/** One function for each rpc of a service. Each fails with a GatewayError and nothing else. */
export type UpstreamClient<S extends DescService> = {
  readonly [K in keyof S["method"]]: S["method"][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, context: CallContext) => Promise<MessageShape<O>>
    : S["method"][K] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, context: CallContext) => AsyncIterable<MessageShape<O>>
      : never;
};

export interface UpstreamClientOptions {
  readonly service: UpstreamService;
  readonly transport: Transport;
  readonly metrics: GatewayMetrics;
  readonly breaker: Breaker;
  /** The calls that may be under way at once. */
  readonly slots: CallSlots;
  /** The ceiling for everything that one request waits for. */
  readonly requestTimeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** 0 to 1. Default Math.random. */
  readonly random?: () => number;
  /** Undefined: no answer is kept. */
  readonly cache?: CallCache | undefined;
}

/**
 * Makes the client of one service. A call walks through these steps, the first the outermost:
 *
 * 1. cache     answer from what is kept, or forget what a write makes untrue
 * 2. count     what the call ended with, by the gRPC code's name
 * 3. breaker   refuse while the service is known to be ill, and watch how it does
 * 4. in flight refuse what is too much at once
 * 5. translate whatever goes wrong into the answer for our client
 * 6. retry     make it again, where that is safe and the service's budget allows it
 * 7. hedge     make it twice at once, where its policy says so and the answer takes long
 * 8. send      with a deadline, our identity as metadata, and nothing of what the client sent
 *
 * The cache comes first: what it answers is no call of the service, and is not counted as one. A stream walks another
 * way: stream-call.ts.
 */
export function createUpstreamClient<S extends DescService>(
  desc: S,
  options: UpstreamClientOptions,
): UpstreamClient<S> {
  const { service, metrics, slots, now, random = Math.random, cache } = options;
  const inFlight = metrics.callsInFlight.labels({ service: labelOf(service) });
  const repeat = { budget: createRetryBudget(), metrics, now, random, sleep };
  const counterOf = createMethodCounters((labels, status: string) =>
    metrics.serviceCalls.labels({ ...labels, status }),
  );
  let send = hedge(repeat, sender(options));
  send = translate(retry(repeat, send));
  send = limitInFlight(slots, inFlight, send);
  send = guardWithBreaker(options, send);
  send = count(counterOf, send);
  if (cache !== undefined) send = cache(send);
  const client: Record<string, unknown> = {};
  const callOf = (
    method: DescMethodUnary,
    settings: CallSettings,
    request: MessageInitShape<DescMessage>,
    { values: contextValues, signal, fresh = false }: CallContext,
  ): Call => {
    const context = requestContextOf(contextValues);
    const deadlineAtMs = Math.min(context.deadlineAtMs, now() + settings.timeoutMs);
    return {
      service,
      method,
      settings,
      request: create(method.input, request),
      context,
      contextValues,
      deadlineAtMs,
      attempt: 1,
      fresh,
      signal,
      isProbe: false,
    };
  };
  let openStream: StreamCall | undefined;
  for (const method of desc.methods) {
    const settings = callSettingsOf(method);
    if (method.methodKind === "unary") {
      client[method.localName] = (request: MessageInitShape<DescMessage>, context: CallContext) =>
        send(callOf(method as DescMethodUnary, settings, request, context));
    } else if (method.methodKind === "server_streaming") {
      // Only where there is one: a gauge of streams that a service does not have would be a riddle.
      openStream ??= createStreamCall(options, counterOf);
      const open = openStream;
      client[method.localName] = (request: MessageInitShape<DescMessage>, context: CallContext) =>
        open(method as DescMethodServerStreaming, settings, request, context);
    }
  }
  return client as UpstreamClient<S>;
}

function count(counterOf: MethodCounters<string>, next: CallStep): CallStep {
  return async (call) => {
    try {
      const answer = await next(call);
      counterOf(call, "OK").inc();
      return answer;
    } catch (error) {
      counterOf(call, grpcCodeName(error)).inc();
      throw error;
    }
  };
}

function translate(next: CallStep): CallStep {
  return async (call) => {
    try {
      return await next(call);
    } catch (error) {
      throw toUpstreamError(error, call);
    }
  };
}

function sender({ transport, now }: UpstreamClientOptions): CallStep {
  return async ({ method, settings, request, context, contextValues, deadlineAtMs, signal, service }) => {
    // A call that nobody waits for is not made.
    signal.throwIfAborted();
    // Whole milliseconds: gRPC's timeout has no fractions, and Connect takes 0 for "no limit".
    const timeoutMs = Math.floor(deadlineAtMs - now());
    if (timeoutMs <= 0) {
      throw toUpstreamError(new ConnectError("no time left", Code.DeadlineExceeded), { service, settings, signal });
    }
    const header = metadataOf(context);
    const answer = await transport.unary(method, signal, timeoutMs, header, request, contextValues);
    return answer.message as Message;
  };
}
