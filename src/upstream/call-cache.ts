import type { Message } from "@bufbuild/protobuf";
import type { CacheUse } from "../context.ts";
import { type ErrorCode, GatewayError } from "../errors.ts";
import type { GatewayMetrics } from "../telemetry/gateway-metrics.ts";
import { AnswerSource, type CacheableCall } from "./answer-source.ts";
import { cacheKeyOf, tagsOf } from "./cache-key.ts";
import type { Call, CallStep } from "./call.ts";
import type { KeptAnswer } from "./kept-answers.ts";
import { createMethodCounters } from "./method-counters.ts";
import type { SharedAnswers } from "./shared-answers.ts";

/** The step that answers reads from what is kept, and forgets what writes make untrue. */
export type CallCache = (next: CallStep) => CallStep;

export interface CallCacheOptions {
  /** CACHE_TTL: how long an answer is fresh unless its rpc says less; 0: none is kept. */
  readonly ttlSeconds: number;
  /** UPSTREAM_TIMEOUT: bounds what is fetched behind an answer, as it bounds a request. */
  readonly upstreamTimeoutMs: number;
  readonly metrics: GatewayMetrics;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** 0 to 1. Default Math.random. */
  readonly random?: () => number;
  /** Keeps work alive that goes on after the answer. The promise never rejects. */
  readonly keepAlive: (work: Promise<void>) => void;
  /** Whether requests may wait for each other's work (ports.ts). */
  readonly sharesWork: boolean;
  /** What all instances share; undefined: each has its own, and hears nothing of the others' writes. */
  readonly shared?: SharedAnswers | undefined;
}

/** After a new answer could not be had behind an old one, it is not tried again for so long. */
const REFRESH_PAUSE_MS = 1_000;

/** Failures of the service as a whole, in place of which an old answer serves (RFC 5861, section 4). */
const OUTAGES: readonly ErrorCode[] = [
  "SERVICE_UNAVAILABLE",
  "CIRCUIT_BREAKER_OPEN",
  "DEADLINE_EXCEEDED",
  "UPSTREAM_ERROR",
];

/**
 * Keeps the services' answers in this process, and where there is a store, with all instances. One for all services,
 * since a write to one may touch what another answers.
 *
 * The key is the method and the request message. Who asks is no part of it, so no rpc may have a cache whose answer
 * follows from the caller's id or role; of the platform's none does. What a caller may see is decided on every request
 * anew, by the message that they are given, kept or not. A kept message shows nothing that they could not have seen while
 * it was new; but nothing is decided by it that outlasts the answer (fetchedNow in upstream-client.ts).
 *
 * Errors are never kept: a NOT_FOUND would have to be invalidated by a write that does not know the id yet.
 */
export function createCallCache({ metrics, random = Math.random, shared, ...options }: CallCacheOptions): CallCache {
  const { now, keepAlive } = options;
  const answers = new AnswerSource({ ...options, random, shared });

  const counterOf = createMethodCounters((labels, outcome: CacheUse["outcome"]) =>
    metrics.cacheRequests.labels({ ...labels, outcome }),
  );
  const note = (call: Call, outcome: CacheUse["outcome"], answer?: KeptAnswer) => {
    counterOf(call, outcome).inc();
    call.context.cacheUses.push({ outcome, ...timesOf(answer, now()) });
  };

  /** Fetches a new answer behind the present one. */
  const refresh = (cacheable: CacheableCall, stale: KeptAnswer) => {
    if (now() < stale.refreshingUntilMs) return;
    const { call } = cacheable;
    const deadlineOfAllMs = now() + options.upstreamTimeoutMs;
    const deadlineAtMs = Math.min(now() + call.settings.timeoutMs, deadlineOfAllMs);
    stale.refreshingUntilMs = deadlineAtMs;
    // The request that set it off ends before it does: its log line, its headers and its client are no more concerned.
    const context = { ...call.context, deadlineAtMs: deadlineOfAllMs, note: () => {}, cacheUses: [] };
    const behind = { ...call, context, deadlineAtMs, signal: new AbortController().signal };
    const fetched = answers.fetch({ ...cacheable, call: behind, behind: true }).then(
      () => {},
      () => {
        // By now it may be another copy, which the shared store had.
        const present = answers.get(cacheable.key);
        if (present !== undefined) present.refreshingUntilMs = now() + REFRESH_PAUSE_MS;
      },
    );
    keepAlive(fetched);
  };

  /** An answer that was kept is given; one that is no longer fresh for the last time, if all goes well. */
  const answerWith = (cacheable: CacheableCall, kept: KeptAnswer): Message => {
    const isFresh = now() < kept.freshUntilMs;
    note(cacheable.call, isFresh ? "hit" : "revalidating", kept);
    if (!isFresh) refresh(cacheable, answers.get(cacheable.key) ?? kept);
    return kept.message;
  };

  /** What this process has and may give without asking anybody. */
  const give = (cacheable: CacheableCall): Message | undefined => {
    const own = answers.get(cacheable.key);
    const nowMs = now();
    if (own === undefined || nowMs >= own.trustedUntilMs || nowMs >= own.revalidateUntilMs) return undefined;
    return answerWith(cacheable, own);
  };

  const fetch = async (cacheable: CacheableCall): Promise<Message> => {
    const { key, call } = cacheable;
    try {
      const { message, found, joined } = await answers.fetch(cacheable);
      if (found !== undefined) return answerWith(cacheable, found);
      note(call, joined ? "joined" : "miss");
      return message;
    } catch (error) {
      const old = isOutage(error) ? answers.get(key) : undefined;
      if (old === undefined) throw error;
      note(call, "stale-on-error", old);
      call.context.note({ stale: call.method.name, stale_because: (error as GatewayError).errorCode });
      return old.message;
    }
  };

  const writeAndForget = async (call: Call, next: CallStep): Promise<Message> => {
    let answer: Message | undefined;
    try {
      answer = await next(call);
      return answer;
    } finally {
      await answers.invalidate(tagsOf(call.settings.invalidates, call.request, answer));
    }
  };

  /**
   * However it ended, what it touches is forgotten: what was cut off may have been done. It is kept alive for that, since
   * workerd stops a request whose client has left in its tracks.
   */
  const write = (call: Call, next: CallStep): Promise<Message> => {
    const written = writeAndForget(call, next);
    keepAlive(
      written.then(
        () => {},
        () => {},
      ),
    );
    return written;
  };

  if (options.ttlSeconds === 0) return (next) => next;
  return (next) => async (call) => {
    const { cache: settings, invalidates } = call.settings;
    if (invalidates.length > 0) return write(call, next);
    const key = settings === undefined || call.fresh ? undefined : cacheKeyOf(call);
    if (settings === undefined || key === undefined) return next(call);
    const cacheable = { key, call, settings, next, behind: false };
    return give(cacheable) ?? fetch(cacheable);
  };
}

/** In whole seconds. An answer that has just been fetched is as young as can be, and nobody needs to know for how long. */
function timesOf(answer: KeptAnswer | undefined, nowMs: number): Omit<CacheUse, "outcome"> {
  if (answer === undefined) return { ageSeconds: 0, ttlSeconds: 0 };
  return {
    ageSeconds: Math.max(0, Math.floor((nowMs - answer.askedAtMs) / 1000)),
    ttlSeconds: Math.ceil((answer.freshUntilMs - nowMs) / 1000),
  };
}

function isOutage(error: unknown): boolean {
  return error instanceof GatewayError && OUTAGES.includes(error.errorCode);
}
