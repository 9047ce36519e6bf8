interface Entry<V> {
  readonly value: V;
  readonly expiresAtMs: number;
}

/** How often a full map is swept at most. */
const SWEEP_EVERY_MS = 1_000;

/**
 * A map that cannot grow beyond a bound and needs no timer: every `set` looks at the two entries set longest ago and
 * drops them if they have expired, so the map shrinks by itself as fast as it grows. A full one is swept, and then the
 * oldest goes; but not swept with every `set`, or whoever fills it would make each of them walk through all of it.
 */
export class ExpiringMap<V> {
  readonly #now: () => number;
  readonly #maxEntries: number;
  readonly #entries = new Map<string, Entry<V>>();
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  /** `now` answers milliseconds since the epoch. */
  constructor(now: () => number, maxEntries: number) {
    this.#now = now;
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Undefined as well for an entry that has expired. */
  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.expiresAtMs > this.#now() ? entry.value : undefined;
  }

  set(key: string, value: V, expiresAtMs: number): void {
    // Deleting first moves the key to the end: what is used stays, what is not becomes the oldest.
    this.#entries.delete(key);
    this.#makeRoom(this.#now());
    this.#entries.set(key, { value, expiresAtMs });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  #makeRoom(nowMs: number): void {
    this.#dropExpired(nowMs, 2);
    if (this.#entries.size < this.#maxEntries) return;
    if (Math.abs(nowMs - this.#sweptAtMs) >= SWEEP_EVERY_MS) {
      this.#sweptAtMs = nowMs;
      for (const [key, { expiresAtMs }] of this.#entries) if (expiresAtMs <= nowMs) this.#entries.delete(key);
    }
    if (this.#entries.size < this.#maxEntries) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }

  /** Of those set longest ago, as many as are asked for and as far as they have expired. */
  #dropExpired(nowMs: number, count: number): void {
    let looked = 0;
    for (const [key, { expiresAtMs }] of this.#entries) {
      if (looked === count || expiresAtMs > nowMs) return;
      this.#entries.delete(key);
      looked += 1;
    }
  }
}
