import { ExpiringMap } from "../identity/expiring-map.ts";
import type { MemorySessionStore } from "../identity/memory-session-store.ts";
import {
  ACQUAINTANCE_MS,
  type AdmissionAnswer,
  type AdmissionQuestion,
  type AdmissionStore,
} from "./admission-store.ts";
import { MemoryLimiter } from "./memory-limiter.ts";

const MAX_ACQUAINTANCES = 100_000;

/** For a process without a Redis: its own limits, and the sessions that it keeps itself. */
export class MemoryAdmissionStore implements AdmissionStore {
  readonly #now: () => number;
  readonly #limiter: MemoryLimiter;
  readonly #acquaintances: ExpiringMap<true>;
  readonly #sessions: Pick<MemorySessionStore, "isRevoked">;

  /** `now` answers milliseconds since the epoch. */
  constructor(now: () => number, sessions: Pick<MemorySessionStore, "isRevoked">) {
    this.#now = now;
    this.#acquaintances = new ExpiringMap(now, MAX_ACQUAINTANCES);
    this.#limiter = new MemoryLimiter(now);
    this.#sessions = sessions;
  }

  async ask({ charges, token, acquaintance }: AdmissionQuestion): Promise<AdmissionAnswer> {
    const standings = this.#limiter.chargeAll(charges);
    const revoked = token !== undefined && (await this.#sessions.isRevoked(token));
    const acquainted = acquaintance !== undefined && this.#acquaintances.get(acquaintance) === true;
    return { standings, revoked, acquainted, trouble: undefined };
  }

  async acquaint(acquaintance: string): Promise<void> {
    this.#acquaintances.set(acquaintance, true, this.#now() + ACQUAINTANCE_MS);
  }
}
