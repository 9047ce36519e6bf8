import { type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import type { CacheSettings } from "../contract/cache-policy.ts";
import { GatewayError } from "../errors.ts";
import { tagsOf } from "./cache-key.ts";
import type { Call, CallStep } from "./call.ts";
import { freezeMessage } from "./freeze-message.ts";
import { type KeptAnswer, KeptAnswers } from "./kept-answers.ts";
import { OpenFills } from "./open-fills.ts";
import type { SharedAnswer, SharedAnswers } from "./shared-answers.ts";
import { SharedWork } from "./shared-work.ts";

export interface AnswerSourceOptions {
  /** How long an answer is fresh unless its rpc says less. */
  readonly ttlSeconds: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  readonly keepAlive: (work: Promise<void>) => void;
  readonly sharesWork: boolean;
  readonly shared: SharedAnswers | undefined;
}

/** A call that may be answered from what is kept. */
export interface CacheableCall {
  readonly key: string;
  readonly call: Call;
  readonly settings: CacheSettings;
  /** Asks the service. */
  readonly next: CallStep;
  /** A new answer is wanted behind an old one that has been given: no second old one will do. */
  readonly behind: boolean;
}

/** An answer that this process did not have. */
export interface Fetched {
  readonly message: Message;
  /** Set where the shared store had it. */
  readonly found: KeptAnswer | undefined;
  /** Another request had asked for it already. */
  readonly joined: boolean;
}

const LIMITS = { entries: 10_000, bytes: 4 * 1_048_576 };
/** One answer, on the wire. A larger one is rare, and would push out hundreds. */
const MAX_ANSWER_BYTES = 256 * 1024;
/** Instances that filled their caches together must not come back together. */
const TTL_JITTER = 0.1;
/** With a shared store: for so long an instance believes its own copy before it asks the store again. */
const TRUST_MS = 1_000;

/** Where answers are kept, and how they come there: from the shared store, else from the service. */
export class AnswerSource {
  readonly #options: AnswerSourceOptions;
  readonly #kept = new KeptAnswers(LIMITS);
  readonly #fills = new OpenFills((key) => this.#work.forget(key));
  readonly #work: SharedWork<Omit<Fetched, "joined">>;

  constructor(options: AnswerSourceOptions) {
    this.#options = options;
    this.#work = new SharedWork(options.now);
  }

  /** What this process has, if it is of any use now. */
  get(key: string): KeptAnswer | undefined {
    return this.#kept.get(key, this.#options.now());
  }

  /** Asks the shared store, then the service; together with other requests, where requests may share work. */
  async fetch(cacheable: CacheableCall): Promise<Fetched> {
    if (!this.#options.sharesWork) return { ...(await this.#fill(cacheable)), joined: false };
    const { key, call } = cacheable;
    const { result, joined } = await this.#work.do(key, call, (signal) =>
      this.#fill({ ...cacheable, call: { ...call, signal } }),
    );
    return { ...result, joined };
  }

  /**
   * Forgets what has one of the tags, here and in the shared store. The store comes first: as long as it has the old
   * answer, a read here could bring it back.
   */
  async invalidate(tags: readonly string[]): Promise<void> {
    const { shared } = this.#options;
    if (shared !== undefined) await shared.invalidate(tags);
    this.#kept.invalidate(tags);
    for (const key of this.#fills.invalidate(tags)) this.#work.forget(key);
  }

  async #fill(cacheable: CacheableCall): Promise<Omit<Fetched, "joined">> {
    const { key, call, settings, next, behind } = cacheable;
    const { shared, now } = this.#options;
    const tags = tagsOf(settings.tags, call.request);
    // An answer that no write could end is not kept: a tag's field may be one that this request has not set.
    if (tags.length < settings.tags.length) return { message: await next(call), found: undefined };
    const fill = this.#fills.begin(key, tags);
    let seen: SharedAnswer | undefined;
    try {
      if (shared !== undefined) {
        seen = await shared.read(key, tags);
        const found = this.#compare(key, seen) ?? this.#revive(cacheable, tags, seen);
        // A stale one is kept for the case that the service cannot be had. Who is fetching a new one still is.
        if (found !== undefined && fill.valid) {
          this.#kept.set(key, { ...found, refreshingUntilMs: this.get(key)?.refreshingUntilMs ?? 0 });
        }
        if (found !== undefined && now() < (behind ? found.freshUntilMs : found.revalidateUntilMs)) {
          return { message: found.message, found };
        }
      }
      const askedAtMs = now();
      const message = await next(call);
      if (fill.valid) this.#keep(cacheable, { message, tags, askedAtMs, versions: seen?.versions });
      return { message, found: undefined };
    } catch (error) {
      if (isGone(error)) this.#drop(key, tags, seen);
      throw error;
    } finally {
      this.#fills.end(fill);
    }
  }

  /** What is gone must not come back when the service cannot be had: neither our copy nor the store's, if it has one. */
  #drop(key: string, tags: readonly string[], seen: SharedAnswer | undefined): void {
    const { shared, keepAlive } = this.#options;
    this.#kept.delete(key);
    if (shared !== undefined && seen?.value !== undefined) keepAlive(shared.invalidate(tags));
  }

  /** Our own copy, if it is fresh and the store does not speak against it. One that it speaks against is forgotten. */
  #compare(key: string, seen: SharedAnswer | undefined): KeptAnswer | undefined {
    const own = this.get(key);
    if (own === undefined) return undefined;
    // A store that is away changes nothing: without one, our copy would do as well.
    if (seen !== undefined && !sameVersions(own.versions, seen.versions)) {
      this.#kept.delete(key);
      return undefined;
    }
    own.trustedUntilMs = this.#options.now() + TRUST_MS;
    return this.#options.now() < own.freshUntilMs ? own : undefined;
  }

  /** The store's copy, if it has one that is of any use. */
  #revive(
    { call, settings }: CacheableCall,
    tags: readonly string[],
    seen: SharedAnswer | undefined,
  ): KeptAnswer | undefined {
    if (seen?.value === undefined) return undefined;
    const { message: bytes, askedAtMs } = seen.value;
    const message = decode(call, bytes);
    if (message === undefined) return undefined;
    const nowMs = this.#options.now();
    // Another instance's clock may be ahead of ours.
    const asked = Math.min(askedAtMs, nowMs);
    const size = bytes.byteLength;
    const found = this.#answer(settings, { message, tags, askedAtMs: asked, versions: seen.versions }, size);
    return nowMs < found.usableUntilMs ? found : undefined;
  }

  #keep({ key, call, settings }: CacheableCall, fresh: FreshAnswer): void {
    const { output } = call.method;
    const bytes = toBinary(output, fresh.message);
    if (bytes.byteLength > MAX_ANSWER_BYTES || isHollow(output, bytes)) return;
    const answer = this.#answer(settings, fresh, bytes.byteLength);
    this.#kept.set(key, answer);
    const { shared, keepAlive, now } = this.#options;
    const { versions, askedAtMs } = fresh;
    if (shared === undefined || versions === undefined) return;
    const lifetimeMs = Math.ceil(answer.usableUntilMs - now());
    if (lifetimeMs > 0) keepAlive(shared.keep(key, versions, { message: bytes, askedAtMs }, lifetimeMs));
  }

  #answer(settings: CacheSettings, { message, tags, askedAtMs, versions }: FreshAnswer, bytes: number): KeptAnswer {
    const { ttlSeconds, random, shared, now } = this.#options;
    const ttlMs = Math.min(settings.ttlSeconds ?? ttlSeconds, ttlSeconds) * 1000;
    const freshUntilMs = askedAtMs + ttlMs * (1 + TTL_JITTER * (2 * random() - 1));
    const revalidateUntilMs = freshUntilMs + settings.staleWhileRevalidateSeconds * 1000;
    return {
      message: freezeMessage(message),
      tags,
      bytes,
      askedAtMs,
      freshUntilMs,
      revalidateUntilMs,
      usableUntilMs: Math.max(revalidateUntilMs, freshUntilMs + settings.staleIfErrorSeconds * 1000),
      versions,
      trustedUntilMs: shared === undefined ? Number.POSITIVE_INFINITY : now() + TRUST_MS,
      refreshingUntilMs: 0,
    };
  }
}

interface FreshAnswer {
  readonly message: Message;
  readonly tags: readonly string[];
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

/**
 * An answer that is made of messages and has none, such as a task without the task: a service's mistake of a moment. It
 * must not become one of minutes, nor take the place of an old answer that was good. An empty list is an answer.
 */
function isHollow({ fields }: DescMessage, bytes: Uint8Array): boolean {
  return bytes.byteLength === 0 && fields.length > 0 && fields.every(({ fieldKind }) => fieldKind === "message");
}

function sameVersions(ours: readonly string[] | undefined, theirs: readonly string[]): boolean {
  return ours?.every((version, index) => version === theirs[index]) ?? false;
}

function isGone(error: unknown): boolean {
  return error instanceof GatewayError && (error.errorCode === "NOT_FOUND" || error.errorCode === "ACCESS_DENIED");
}
