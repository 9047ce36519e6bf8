import { ExpiringMap } from "../identity/expiring-map.ts";
import type { Charge, Standing } from "./admission-store.ts";
import { windowAt } from "./sliding-window.ts";

interface Usage {
  readonly index: number;
  readonly current: number;
  readonly previous: number;
}

/** Some 20 MB at most. Who floods a gateway with that many subjects in two windows makes the quietest be forgotten. */
const MAX_SUBJECTS = 100_000;

/** Counts in this process: for one that stands alone, and for one whose store is unusable. */
export class MemoryLimiter {
  readonly #now: () => number;
  readonly #usages: ExpiringMap<Usage>;

  /** `now` answers milliseconds since the epoch. */
  constructor(now: () => number, maxSubjects = MAX_SUBJECTS) {
    this.#now = now;
    this.#usages = new ExpiringMap(now, maxSubjects);
  }

  /** How many subjects are remembered. */
  get size(): number {
    return this.#usages.size;
  }

  /** In their order: behind one that is over its limit nothing counts any more (admission-store.ts). */
  chargeAll(charges: readonly Charge[]): readonly Standing[] {
    let counts = true;
    return charges.map((charge) => {
      const standing = this.charge(charge, counts);
      counts &&= standing.allowed;
      return standing;
    });
  }

  /** Answers where the subject stands; `counts` false: where it would. */
  charge({ limit, subject }: Charge, counts = true): Standing {
    const { name, quota, windowMs } = limit;
    const key = `${name} ${subject}`;
    const nowMs = this.#now();
    const { index, elapsed, resetInMs } = windowAt(nowMs, windowMs);
    const { current, previous } = carriedInto(index, this.#usages.get(key));
    const used = Math.floor(previous * (1 - elapsed)) + current;
    const allowed = used < quota;
    // Also where it is not allowed: a subject that keeps on trying must not become the oldest and be forgotten.
    if (counts) {
      const usage = { index, previous, current: allowed ? current + 1 : current };
      this.#usages.set(key, usage, nowMs + resetInMs + windowMs);
    }
    return { limit, allowed, remaining: Math.max(0, quota - used - (allowed ? 1 : 0)), resetInMs };
  }

  clear(): void {
    this.#usages.clear();
  }
}

/** What a usage of an earlier window means in this one. A clock that was set back goes on in the window it had. */
function carriedInto(index: number, usage: Usage | undefined): { readonly current: number; readonly previous: number } {
  if (usage === undefined || usage.index < index - 1) return { current: 0, previous: 0 };
  return usage.index < index ? { current: 0, previous: usage.current } : usage;
}
