import { ExpiringMap } from "./expiring-map.ts";
import {
  MAX_REPLACED_GENERATIONS,
  MAX_SESSIONS_PER_USER,
  ROTATION_GRACE_MS,
  type Rotation,
  revokedUntilMs,
  type Session,
  type SessionState,
  type SessionStore,
  type SessionTimes,
  sessionTimes,
} from "./session-store.ts";

interface Family {
  readonly session: Session;
  readonly generation: number;
  /** When each replaced generation was replaced, in milliseconds, oldest first; those within the grace only. */
  readonly replacedAtMs: Map<number, number>;
}

export interface MemorySessionStoreOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Of a token minted now. */
  readonly accessLifetimeSeconds: number;
  /** At most so many families, users and revocations; the oldest go first. */
  readonly maxEntries?: number;
}

/** Sessions in this process: for one instance, or while developing. They end with the process. */
export class MemorySessionStore implements SessionStore {
  readonly #now: () => number;
  readonly #times: SessionTimes;
  readonly #families: ExpiringMap<Family>;
  readonly #revoked: ExpiringMap<true>;
  /** A user's sessions, each with the time at which the last of it ends: of its family and its access tokens. */
  readonly #users: ExpiringMap<Map<string, number>>;

  constructor({ now, accessLifetimeSeconds, maxEntries = 100_000 }: MemorySessionStoreOptions) {
    this.#now = now;
    this.#times = sessionTimes(accessLifetimeSeconds);
    this.#families = new ExpiringMap(now, maxEntries);
    this.#revoked = new ExpiringMap(now, maxEntries);
    this.#users = new ExpiringMap(now, maxEntries);
  }

  async demandUsable(): Promise<void> {}

  async create(session: Session): Promise<void> {
    const sessions = this.#users.get(session.userId);
    if (sessions !== undefined && sessions.size >= MAX_SESSIONS_PER_USER) this.#makeRoom(sessions);
    this.#keep({ session: { ...session }, generation: 1, replacedAtMs: new Map() });
  }

  async find(sessionId: string): Promise<SessionState | undefined> {
    const family = this.#families.get(sessionId);
    return family && { ...family.session, generation: family.generation };
  }

  async rotate(sessionId: string, generation: number): Promise<Rotation> {
    const family = this.#families.get(sessionId);
    if (family === undefined || generation > family.generation) return { kind: "unknown" };
    const nowMs = this.#now();
    const { replacedAtMs } = family;
    for (const [old, atMs] of replacedAtMs) if (nowMs - atMs > ROTATION_GRACE_MS) replacedAtMs.delete(old);
    if (generation === family.generation) {
      replacedAtMs.set(generation, nowMs);
      replacedAtMs.delete(generation - MAX_REPLACED_GENERATIONS);
      this.#keep({ ...family, generation: generation + 1 });
      return { kind: "rotated", generation: generation + 1 };
    }
    if (replacedAtMs.has(generation)) return { kind: "repeated", generation: family.generation };
    await this.revokeSession(sessionId);
    return { kind: "replayed" };
  }

  async revokeSession(sessionId: string): Promise<void> {
    const family = this.#families.get(sessionId);
    if (family !== undefined) this.#users.get(family.session.userId)?.delete(sessionId);
    this.#families.delete(sessionId);
    this.#revoked.set(`sid:${sessionId}`, true, this.#now() + this.#times.revokedForMs);
  }

  async revokeUser(userId: string): Promise<void> {
    const sessionIds = [...(this.#users.get(userId)?.keys() ?? [])];
    this.#users.delete(userId);
    for (const sessionId of sessionIds) await this.revokeSession(sessionId);
  }

  async revokeToken(tokenId: string, expiresAtSeconds: number): Promise<void> {
    this.#revoked.set(`jti:${tokenId}`, true, revokedUntilMs(expiresAtSeconds));
  }

  /** Whether the token itself or its session has been revoked. */
  async isRevoked({ tokenId, sessionId }: { tokenId: string; sessionId: string | undefined }): Promise<boolean> {
    if (this.#revoked.get(`jti:${tokenId}`) !== undefined) return true;
    return sessionId !== undefined && this.#revoked.get(`sid:${sessionId}`) !== undefined;
  }

  /** Keeps a family that has just been used, up to its idle limit or its absolute one. */
  #keep(family: Family): void {
    const { sessionId, userId, expiresAtMs } = family.session;
    const { idleMs, revokedForMs } = this.#times;
    const nowMs = this.#now();
    const endsAtMs = Math.min(expiresAtMs, nowMs + idleMs);
    this.#families.set(sessionId, family, endsAtMs);
    const sessions = this.#users.get(userId) ?? new Map<string, number>();
    sessions.set(sessionId, Math.max(endsAtMs, nowMs + revokedForMs));
    this.#users.set(userId, sessions, Math.max(...sessions.values()));
  }

  /** Drops what has ended by itself; if nothing has, ends what would have ended first. */
  #makeRoom(sessions: Map<string, number>): void {
    const nowMs = this.#now();
    for (const [sessionId, endsAtMs] of sessions) if (endsAtMs <= nowMs) sessions.delete(sessionId);
    if (sessions.size < MAX_SESSIONS_PER_USER) return;
    const [first] = [...sessions].toSorted(([, a], [, b]) => a - b);
    if (first !== undefined) {
      sessions.delete(first[0]);
      void this.revokeSession(first[0]);
    }
  }
}
