import type { Verification } from "./access-token.ts";

export type Verified = Extract<Verification, { readonly ok: true }>;

interface Entry {
  readonly verified: Verified;
  readonly forgetAtMs: number;
}

/**
 * Remembers what was verified, so that a caller's second request costs a look-up and no cryptography. Failures are not
 * remembered: there is no end of them, and a stranger would choose them.
 *
 * The key is the token itself. It is in memory anyhow while its request runs, and is never logged; a digest would cost
 * what the memory saves. Two maps take turns: what is asked for moves to the young one, and when that is full the old
 * one is dropped. So the least recently used go first, and a hit in the young map moves nothing.
 */
export class VerifiedTokens {
  readonly #now: () => number;
  readonly #maxPerMap: number;
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();

  /** Holds at most `maxEntries`, and half of it for sure. */
  constructor(now: () => number, maxEntries: number) {
    this.#now = now;
    this.#maxPerMap = Math.ceil(maxEntries / 2);
  }

  get(token: string): Verified | undefined {
    const young = this.#young.get(token);
    const entry = young ?? this.#old.get(token);
    if (entry === undefined) return undefined;
    if (entry.forgetAtMs <= this.#now()) {
      this.#young.delete(token);
      this.#old.delete(token);
      return undefined;
    }
    if (young === undefined) this.#insert(token, entry);
    return entry.verified;
  }

  set(token: string, verified: Verified, forgetAtMs: number): void {
    this.#insert(token, { verified, forgetAtMs });
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #insert(token: string, entry: Entry): void {
    this.#old.delete(token);
    if (this.#young.size >= this.#maxPerMap) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(token, entry);
  }
}
