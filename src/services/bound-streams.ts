import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { callerOf } from "../context.ts";
import type { ImplementationCall, Implementations } from "../contract/implementations.ts";
import { LONGEST_STREAM_MS } from "../contract/stream-life.ts";
import { GatewayError } from "../errors.ts";
import { rpc as rpcPolicy } from "../gen/policy/v1/policy_pb.ts";
import { createOpenStreams, type OpenStreams } from "./open-streams.ts";

export interface StreamBounds {
  /** Fires when streams have to end because the process does. */
  readonly stopping: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** As in Ports: for a runtime that stops what runs for a client who has gone. */
  readonly keepAlive?: (work: Promise<void>) => void;
}

/** Seconds after which another instance has taken over. */
const RETRY_AFTER_SECONDS = 1;

/**
 * Gives every stream its end, in one place for REST and the rpc protocols, which both take the implementations from here.
 *
 * - When the process is about to end, with SERVICE_UNAVAILABLE as the last word, so that a client knows that it may come
 *   again. A server that only closes would wait for a stream for ever, and one that cuts it shows a broken connection.
 * - A stream of events (the policy's `events`), which has none of its own, when its caller's token has expired, and after
 *   15 minutes at the latest: who has signed out, or has another role by now, is found out when they connect again. That
 *   is no error, and nothing is lost: they say what they have heard.
 * - And nobody has more than a few of those open.
 */
export function boundStreams(implementations: Implementations, bounds: StreamBounds): Implementations {
  const openStreams = createOpenStreams(bounds.now);
  const bounded = (rpc: DescMethod, implementation: Calls): ImplementationCall => {
    const call: ImplementationCall = (request, context) => implementation[rpc.localName]!(request, context);
    if (!isStream(rpc)) return call;
    return hasEvents(rpc) ? eventStream(call, bounds, openStreams) : listStream(call, bounds);
  };
  return new Map(
    [...implementations].map(([service, implementation]) => {
      if (!service.methods.some(isStream)) return [service, implementation];
      const calls = implementation as Calls;
      const written = service.methods.filter(({ localName }) => calls[localName] !== undefined);
      return [service, Object.fromEntries(written.map((rpc) => [rpc.localName, bounded(rpc, calls)]))];
    }),
  );
}

type Calls = Readonly<Record<string, ImplementationCall>>;

function isStream({ methodKind }: DescMethod): boolean {
  return methodKind === "server_streaming";
}

function hasEvents(rpc: DescMethod): boolean {
  return getOption(rpc, rpcPolicy).events !== undefined;
}

function listStream(call: ImplementationCall, { stopping }: StreamBounds): ImplementationCall {
  return (request, context) => untilEnd(call(request, context) as AsyncIterable<unknown>, stopping, undefined);
}

function eventStream(call: ImplementationCall, bounds: StreamBounds, open: OpenStreams): ImplementationCall {
  const { stopping, now, keepAlive } = bounds;
  return async function* (request, context) {
    const { userId, expiresAtSeconds } = callerOf(context);
    const lifeMs = Math.min(expiresAtSeconds * 1000 - now(), LONGEST_STREAM_MS);
    const leave = open.enter(userId, now() + lifeMs);
    const left = Promise.withResolvers<void>();
    // Workerd would stop this in its tracks when the client goes, and the place would stay taken.
    keepAlive?.(left.promise);
    try {
      yield* untilEnd(call(request, context) as AsyncIterable<unknown>, stopping, lifeMs);
    } finally {
      leave();
      left.resolve();
    }
  };
}

async function* untilEnd(
  messages: AsyncIterable<unknown>,
  stopping: AbortSignal,
  lifeMs: number | undefined,
): AsyncGenerator<unknown> {
  const iterator = messages[Symbol.asyncIterator]();
  let isOver = false;
  let stopWaiting = () => {};
  const onStop = () => stopWaiting();
  const onOver = () => {
    isOver = true;
    stopWaiting();
  };
  stopping.addEventListener("abort", onStop);
  const timer = lifeMs === undefined ? undefined : setTimeout(onOver, lifeMs);
  // No Promise.race with one promise for the end: it would remember every message of a stream that lasts for long.
  const next = () =>
    new Promise<IteratorResult<unknown>>((resolve, reject) => {
      stopWaiting = () => (stopping.aborted ? reject(stoppingError()) : resolve({ done: true, value: undefined }));
      if (stopping.aborted || isOver) stopWaiting();
      else iterator.next().then(resolve, reject);
    });
  try {
    for (let result = await next(); !result.done; result = await next()) yield result.value;
  } finally {
    if (timer !== undefined) clearTimeout(timer);
    stopping.removeEventListener("abort", onStop);
    // Not awaited: it comes to its end only when whatever it waits for speaks. What fails in that has no reader any more.
    iterator.return?.().catch(() => {});
  }
}

function stoppingError(): GatewayError {
  const options = { retryAfterSeconds: RETRY_AFTER_SECONDS };
  return new GatewayError("SERVICE_UNAVAILABLE", "The gateway is stopping: connect again.", options);
}
