import { fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import type { CacheUse } from "../context.ts";
import type { CacheSettings } from "../contract/cache-policy.ts";
import { type ErrorCode, GatewayError } from "../errors.ts";
import type { GatewayMetrics } from "../telemetry/gateway-metrics.ts";
import { cacheKeyOf, tagsOf } from "./cache-key.ts";
import type { Call, CallStep } from "./call.ts";
import { freezeMessage } from "./freeze-message.ts";
import { type KeptAnswer, KeptAnswers } from "./kept-answers.ts";
import { OpenFills } from "./open-fills.ts";
import { labelOf } from "./services.ts";
import type { SharedAnswer, SharedAnswers } from "./shared-answers.ts";
import { SharedWork } from "./shared-work.ts";

/** The step that answers reads from what is kept, and forgets what writes make untrue. */
export type CallCache = (next: CallStep) => CallStep;

export interface CallCacheOptions {
  /** CACHE_TTL: how long an answer is fresh unless its rpc says less; 0: none is kept. */
  readonly ttlSeconds: number;
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

const LIMITS = { entries: 10_000, bytes: 16 * 1_048_576 };
/** One answer, on the wire. A larger one is rare, and would push out hundreds. */
const MAX_ANSWER_BYTES = 256 * 1024;
/** Instances that filled their caches together must not come back together. */
const TTL_JITTER = 0.1;
/** With a shared store: for so long an instance believes its own copy before it asks the store again. */
const TRUST_MS = 1_000;
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
export function createCallCache(options: CallCacheOptions): CallCache {
  const { metrics, now, random = Math.random, keepAlive, sharesWork, shared } = options;
  const kept = new KeptAnswers(LIMITS);
  const fills = new OpenFills();
  const work = new SharedWork<Filled>(now);

  const note = ({ service, method, context }: Call, outcome: CacheUse["outcome"], answer: KeptAnswer | undefined) => {
    metrics.cacheRequests.labels({ service: labelOf(service), method: method.name, outcome }).inc();
    const nowMs = now();
    context.cacheUses.push({
      outcome,
      ageSeconds: answer === undefined ? 0 : Math.max(0, Math.floor((nowMs - answer.askedAtMs) / 1000)),
      ttlSeconds: answer === undefined ? 0 : Math.ceil((answer.freshUntilMs - nowMs) / 1000),
    });
  };

  const keptAnswer = (call: Call, cache: CacheSettings, message: Message, how: HowFetched): KeptAnswer => {
    const ttlSeconds = Math.min(cache.ttlSeconds ?? options.ttlSeconds, options.ttlSeconds);
    const ttlMs = ttlSeconds * 1000 * (1 + TTL_JITTER * (2 * random() - 1));
    const freshUntilMs = how.askedAtMs + ttlMs;
    const revalidateUntilMs = freshUntilMs + cache.staleWhileRevalidateSeconds * 1000;
    return {
      message: freezeMessage(message),
      tags: tagsOf(cache.tags, call.request),
      bytes: how.bytes.byteLength,
      askedAtMs: how.askedAtMs,
      freshUntilMs,
      revalidateUntilMs,
      usableUntilMs: Math.max(revalidateUntilMs, freshUntilMs + cache.staleIfErrorSeconds * 1000),
      versions: how.versions,
      trustedUntilMs: shared === undefined ? Number.POSITIVE_INFINITY : now() + TRUST_MS,
      refreshingUntilMs: 0,
    };
  };

  /** What the shared store makes of our own copy, and what it has itself. Undefined: the service must be asked. */
  const findShared = (key: string, call: Call, cache: CacheSettings, seen: SharedAnswer | undefined) => {
    const own = kept.get(key, now());
    if (own !== undefined) {
      // A store that is away changes nothing: without one, our copy would do as well.
      if (seen === undefined || sameVersions(own.versions, seen.versions)) {
        own.trustedUntilMs = now() + TRUST_MS;
        if (now() < own.freshUntilMs) return own;
      } else {
        kept.delete(key);
      }
    }
    if (seen?.value === undefined) return undefined;
    const { message: bytes, askedAtMs } = seen.value;
    const message = decode(call, bytes);
    if (message === undefined) return undefined;
    const how = { bytes, versions: seen.versions, askedAtMs: Math.min(askedAtMs, now()) };
    const found = keptAnswer(call, cache, message, how);
    return found.usableUntilMs > now() ? found : undefined;
  };

  /** Asks the shared store, then the service. */
  const fill = async (key: string, call: Call, cache: CacheSettings, next: CallStep): Promise<Filled> => {
    const tags = tagsOf(cache.tags, call.request);
    const open = fills.begin(key, tags);
    try {
      const seen = shared === undefined ? undefined : await shared.read(key, tags);
      if (shared !== undefined) {
        const found = findShared(key, call, cache, seen);
        // A stale one is kept for the case that the service cannot be had.
        if (found !== undefined && open.valid) kept.set(key, found);
        if (found !== undefined && now() < found.freshUntilMs) return { message: found.message, found };
      }
      const askedAtMs = now();
      const message = await next(call);
      const bytes = toBinary(call.method.output, message);
      if (bytes.byteLength > MAX_ANSWER_BYTES || !open.valid) return { message };
      const answer = keptAnswer(call, cache, message, { bytes, askedAtMs, versions: seen?.versions });
      kept.set(key, answer);
      if (seen !== undefined && shared !== undefined) {
        const lifetimeMs = Math.ceil(answer.usableUntilMs - now());
        keepAlive(shared.keep(key, seen.versions, { message: bytes, askedAtMs }, lifetimeMs));
      }
      return { message };
    } catch (error) {
      // What is gone must not come back when the service cannot be had.
      if (isGone(error)) kept.delete(key);
      throw error;
    } finally {
      fills.end(open);
    }
  };

  const fetch = async (key: string, call: Call, cache: CacheSettings, next: CallStep) => {
    if (!sharesWork) return { result: await fill(key, call, cache, next), joined: false };
    return await work.do(key, call, (signal) => fill(key, { ...call, signal }, cache, next));
  };

  /** Fetches a new answer behind the present one. */
  const refresh = (key: string, call: Call, cache: CacheSettings, stale: KeptAnswer, next: CallStep) => {
    if (now() < stale.refreshingUntilMs) return;
    const deadlineAtMs = now() + call.settings.timeoutMs;
    stale.refreshingUntilMs = deadlineAtMs;
    // The request that set it off ends before it does: its log line, its headers and its client are no more concerned.
    const context = { ...call.context, deadlineAtMs, note: () => {}, cacheUses: [] };
    const behind = { ...call, context, deadlineAtMs, signal: new AbortController().signal };
    keepAlive(
      fetch(key, behind, cache, next).then(
        () => {},
        () => {
          stale.refreshingUntilMs = now() + REFRESH_PAUSE_MS;
        },
      ),
    );
  };

  const read = async (key: string, call: Call, cache: CacheSettings, next: CallStep): Promise<Message> => {
    const nowMs = now();
    const own = kept.get(key, nowMs);
    if (own !== undefined && nowMs < own.trustedUntilMs && nowMs < own.revalidateUntilMs) {
      const fresh = nowMs < own.freshUntilMs;
      note(call, fresh ? "hit" : "revalidating", own);
      if (!fresh) refresh(key, call, cache, own, next);
      return own.message;
    }
    try {
      const { result, joined } = await fetch(key, call, cache, next);
      note(call, result.found !== undefined ? "hit" : joined ? "joined" : "miss", result.found);
      return result.message;
    } catch (error) {
      const old = kept.get(key, now());
      if (old === undefined || !isOutage(error)) throw error;
      note(call, "stale-on-error", old);
      call.context.note({ stale: call.method.name, stale_because: (error as GatewayError).errorCode });
      return old.message;
    }
  };

  const write = async (call: Call, next: CallStep): Promise<Message> => {
    let answer: Message | undefined;
    try {
      answer = await next(call);
      return answer;
    } finally {
      // However it ended: what was cut off may have been done. The store first: as long as it has the old answer, a read
      // here could bring it back.
      const tags = tagsOf(call.settings.invalidates, call.request, answer);
      if (shared !== undefined) await shared.invalidate(tags);
      kept.invalidate(tags);
      for (const key of fills.invalidate(tags)) work.forget(key);
    }
  };

  return (next) => (call) => {
    const { cache, invalidates } = call.settings;
    if (invalidates.length > 0) return write(call, next);
    if (cache === undefined || call.fresh || options.ttlSeconds === 0) return next(call);
    const key = cacheKeyOf(call);
    return key === undefined ? next(call) : read(key, call, cache, next);
  };
}

interface Filled {
  readonly message: Message;
  /** Set where the service was not asked. */
  readonly found?: KeptAnswer;
}

interface HowFetched {
  readonly bytes: Uint8Array;
  readonly askedAtMs: number;
  readonly versions: readonly string[] | undefined;
}

/** Undefined for bytes that are none of ours: a store can be written to by others. */
function decode({ method }: Call, bytes: Uint8Array): Message | undefined {
  try {
    return fromBinary(method.output, bytes);
  } catch {
    return undefined;
  }
}

function sameVersions(ours: readonly string[] | undefined, theirs: readonly string[]): boolean {
  return ours?.every((version, index) => version === theirs[index]) ?? false;
}

function isGone(error: unknown): boolean {
  return error instanceof GatewayError && (error.errorCode === "NOT_FOUND" || error.errorCode === "ACCESS_DENIED");
}

function isOutage(error: unknown): boolean {
  return error instanceof GatewayError && OUTAGES.includes(error.errorCode);
}
