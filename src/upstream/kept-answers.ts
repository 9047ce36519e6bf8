import type { Message } from "@bufbuild/protobuf";

/** One answer of a service that is kept. Times are milliseconds since the epoch. */
export interface KeptAnswer {
  /** Frozen: many requests read it. */
  readonly message: Message;
  readonly tags: readonly string[];
  /** The size on the wire. In memory it is some times that. */
  readonly bytes: number;
  /** When the service was asked: what happened after that may not be in it. */
  readonly askedAtMs: number;
  /** Until then it is given as it is, … */
  readonly freshUntilMs: number;
  /** … until then while a new one is fetched, … */
  readonly revalidateUntilMs: number;
  /** … and until then where the service cannot be had. */
  readonly usableUntilMs: number;
  /** What the shared store said of the tags (shared-answers.ts); undefined where it was not asked. */
  readonly versions: readonly string[] | undefined;
  /** Until then it need not be compared with the shared store. */
  trustedUntilMs: number;
  /** Until then nobody else fetches a new one behind an answer. */
  refreshingUntilMs: number;
}

export interface KeptAnswersLimits {
  readonly entries: number;
  /** Of all answers together, on the wire. */
  readonly bytes: number;
}

interface Entry extends KeptAnswer {
  /** Asked for since it was last passed over. */
  used: boolean;
}

/**
 * Answers in this process, bounded in number and bytes. What goes first is what nobody asked for lately: a hit only sets
 * a mark, and who looks for room passes over the marked once ("second chance"). The usual way, to put an entry at the
 * end of the map with every hit, costs each hit a deletion and an insertion.
 */
export class KeptAnswers {
  readonly #limits: KeptAnswersLimits;
  readonly #entries = new Map<string, Entry>();
  readonly #keysOfTag = new Map<string, Set<string>>();
  #bytes = 0;

  constructor(limits: KeptAnswersLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The answer, if it is of any use now. */
  get(key: string, nowMs: number): KeptAnswer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    // From after now: the clock was set back, and the answer would seem young for as long as it was set back by.
    if (nowMs >= entry.usableUntilMs || nowMs < entry.askedAtMs) {
      this.#remove(key, entry);
      return undefined;
    }
    entry.used = true;
    return entry;
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#remove(key, entry);
  }

  /** Keeps an answer in place of an earlier one. One that is larger than everything together is not kept. */
  set(key: string, answer: KeptAnswer): void {
    this.delete(key);
    if (answer.bytes > this.#limits.bytes) return;
    this.#makeRoom(answer.bytes);
    this.#entries.set(key, { ...answer, used: false });
    this.#bytes += answer.bytes;
    for (const tag of answer.tags) {
      const keys = this.#keysOfTag.get(tag);
      if (keys === undefined) this.#keysOfTag.set(tag, new Set([key]));
      else keys.add(key);
    }
  }

  /** Forgets every answer with one of the tags. */
  invalidate(tags: readonly string[]): void {
    for (const tag of tags) {
      for (const key of this.#keysOfTag.get(tag) ?? []) this.#remove(key, this.#entries.get(key)!);
    }
  }

  #makeRoom(bytes: number): void {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size < this.#limits.entries && this.#bytes + bytes <= this.#limits.bytes) return;
      if (entry.used) {
        // To the end: the loop comes to it again if there is still no room.
        entry.used = false;
        this.#entries.delete(key);
        this.#entries.set(key, entry);
      } else {
        this.#remove(key, entry);
      }
    }
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    for (const tag of entry.tags) {
      const keys = this.#keysOfTag.get(tag);
      keys?.delete(key);
      if (keys?.size === 0) this.#keysOfTag.delete(tag);
    }
  }
}
