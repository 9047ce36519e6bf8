import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { type Caller, callerOf } from "../context.ts";
import type { ImplementationCall, Implementations } from "../contract/implementations.ts";
import { LONGEST_STREAM_MS } from "../contract/stream-life.ts";
import { GatewayError } from "../errors.ts";
import { rpc as rpcPolicy } from "../gen/policy/v1/policy_pb.ts";
import { createOpenStreams, MAX_STREAMS_PER_USER, type OpenStreams } from "./open-streams.ts";

export interface StreamBounds {
  /** Fires when streams have to end because the process does. */
  readonly stopping: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Whether this instance knows that somebody's token has been ended before its time. */
  readonly isRevoked: (caller: Caller) => boolean;
  /** Keeps work alive that goes on after the answer. */
  readonly keepAlive: (work: Promise<void>) => void;
}

/** Seconds after which another instance has taken over. */
const RETRY_AFTER_SECONDS = 1;

/**
 * Gives every stream its end, in one place for REST and the rpc protocols, which both take the implementations from here.
 *
 * - When the process is about to end, with SERVICE_UNAVAILABLE as the last word, so that a client knows that it may come
 *   again. A server that only closes would wait for a stream for ever, and one that cuts it shows a broken connection.
 * - A stream of events (the policy's `events`), which has none of its own, when its caller's token has expired, and after
 *   15 minutes at the latest: who has signed out elsewhere, or has another role by now, is found out when they connect
 *   again. Who has signed out here hears no more at once. That is no error, and nothing is lost: they say what they heard.
 * - And whoever opens more than a few of those ends the first of theirs.
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
  return (request, context) =>
    untilEnded(
      () => call(request, context) as AsyncIterable<unknown>,
      (end) => onAbort(stopping, () => end(stoppingError())),
    );
}

function eventStream(call: ImplementationCall, bounds: StreamBounds, openStreams: OpenStreams): ImplementationCall {
  const { stopping, now, isRevoked, keepAlive } = bounds;
  return async function* (request, context) {
    const caller = callerOf(context);
    const { userId, expiresAtSeconds } = caller;
    const lifeMs = Math.min(expiresAtSeconds * 1000 - now(), LONGEST_STREAM_MS);
    const arm: Arm = (end) => {
      const leave = openStreams.enter({ userId, untilMs: now() + lifeMs, crowdOut: () => end(crowdedOutError()) });
      const stopListening = onAbort(stopping, () => end(stoppingError()));
      const timer = setTimeout(end, lifeMs);
      const left = Promise.withResolvers<void>();
      // Workerd would stop this in its tracks when the client goes, and the place would stay taken.
      keepAlive(left.promise);
      return () => {
        clearTimeout(timer);
        stopListening();
        leave();
        left.resolve();
      };
    };
    for await (const event of untilEnded(() => call(request, context) as AsyncIterable<unknown>, arm)) {
      if (isRevoked(caller)) return;
      yield event;
    }
  };
}

/** Ends a stream: in peace, or with an error as its last word. */
type End = (error?: GatewayError) => void;

/** Sees to it that a stream is ended when its time has come; answers what undoes that. */
type Arm = (end: End) => () => void;

async function* untilEnded(open: () => AsyncIterable<unknown>, arm: Arm): AsyncGenerator<unknown> {
  let ending: { readonly error: GatewayError | undefined } | undefined;
  let stopWaiting = () => {};
  let readerIsAway = false;
  let isReleased = false;
  const iterator = open()[Symbol.asyncIterator]();
  const disarm = arm((error) => {
    ending ??= { error };
    stopWaiting();
    if (readerIsAway) release();
  });
  const release = () => {
    if (isReleased) return;
    isReleased = true;
    disarm();
    // Not awaited: it comes to its end only when whatever it waits for speaks. What fails in that has no reader any more.
    iterator.return?.().catch(() => {});
  };
  // No Promise.race with one promise for the end: it would remember every message of a stream that lasts for long.
  const next = () =>
    new Promise<IteratorResult<unknown>>((resolve, reject) => {
      stopWaiting = () => {
        if (ending?.error === undefined) resolve({ done: true, value: undefined });
        else reject(ending.error);
      };
      if (ending === undefined) iterator.next().then(resolve, reject);
      else stopWaiting();
    });
  try {
    for (let result = await next(); !result.done; result = await next()) {
      // A reader that has stopped reading may never come back, and must hold nothing beyond the end.
      readerIsAway = true;
      if (ending !== undefined) release();
      yield result.value;
      readerIsAway = false;
    }
  } finally {
    release();
  }
}

/** Calls it when the signal fires, or now if it has; answers what undoes that. */
function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) listener();
  signal.addEventListener("abort", listener);
  return () => signal.removeEventListener("abort", listener);
}

function stoppingError(): GatewayError {
  const options = { retryAfterSeconds: RETRY_AFTER_SECONDS };
  return new GatewayError("SERVICE_UNAVAILABLE", "The gateway is stopping: connect again.", options);
}

function crowdedOutError(): GatewayError {
  const detail = `You have opened more than ${MAX_STREAMS_PER_USER} streams, and this was the first of them.`;
  return new GatewayError("RATE_LIMIT_EXCEEDED", detail);
}
