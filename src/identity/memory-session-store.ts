import {
  ROTATION_GRACE_MS,
  type Rotation,
  type Session,
  type SessionState,
  type SessionStore,
} from "./session-store.ts";

interface Family {
  readonly session: Session;
  generation: number;
  /** When each replaced generation was replaced, in milliseconds; those within the grace only. */
  readonly replacedAtMs: Map<number, number>;
}

export interface MemorySessionStoreOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long a family lives on as revoked after a replay: an access token's lifetime. */
  readonly accessLifetimeSeconds: number;
  /** At most so many families and so many revocations; the oldest go first. */
  readonly maxEntries?: number;
}

/** Sessions in this process: for one instance, or while developing. They end with the process. */
export class MemorySessionStore implements SessionStore {
  readonly #now: () => number;
  readonly #accessLifetimeSeconds: number;
  readonly #families: ExpiringMap<Family>;
  readonly #revoked: ExpiringMap<true>;

  constructor({ now, accessLifetimeSeconds, maxEntries = 100_000 }: MemorySessionStoreOptions) {
    this.#now = now;
    this.#accessLifetimeSeconds = accessLifetimeSeconds;
    this.#families = new ExpiringMap(now, maxEntries);
    this.#revoked = new ExpiringMap(now, maxEntries);
  }

  async create(session: Session): Promise<void> {
    const family: Family = { session: { ...session }, generation: 1, replacedAtMs: new Map() };
    this.#families.set(session.sessionId, family, session.expiresAtMs);
  }

  async find(sessionId: string): Promise<SessionState | undefined> {
    const family = this.#families.get(sessionId);
    return family && { ...family.session, generation: family.generation };
  }

  async rotate(sessionId: string, generation: number): Promise<Rotation> {
    const family = this.#families.get(sessionId);
    if (family === undefined || generation > family.generation) return { kind: "unknown" };
    const nowMs = this.#now();
    for (const [old, replacedAtMs] of family.replacedAtMs) {
      if (nowMs - replacedAtMs > ROTATION_GRACE_MS) family.replacedAtMs.delete(old);
    }
    if (generation === family.generation) {
      family.replacedAtMs.set(generation, nowMs);
      family.generation += 1;
      return { kind: "rotated", generation: family.generation };
    }
    if (family.replacedAtMs.has(generation)) return { kind: "repeated", generation: family.generation };
    await this.revokeSession(sessionId, this.#accessLifetimeSeconds);
    return { kind: "replayed" };
  }

  async revokeSession(sessionId: string, accessLifetimeSeconds: number): Promise<void> {
    this.#families.delete(sessionId);
    this.#revoked.set(`sid:${sessionId}`, true, this.#now() + accessLifetimeSeconds * 1000);
  }

  async revokeToken(tokenId: string, expiresAtSeconds: number): Promise<void> {
    this.#revoked.set(`jti:${tokenId}`, true, expiresAtSeconds * 1000);
  }

  async isRevoked({ tokenId, sessionId }: { tokenId: string; sessionId: string | undefined }): Promise<boolean> {
    if (this.#revoked.get(`jti:${tokenId}`) !== undefined) return true;
    return sessionId !== undefined && this.#revoked.get(`sid:${sessionId}`) !== undefined;
  }
}

/** A bounded map whose entries end by themselves. Expired ones are swept when the map is full. */
class ExpiringMap<V> {
  readonly #now: () => number;
  readonly #maxEntries: number;
  readonly #entries = new Map<string, { readonly value: V; readonly expiresAtMs: number }>();

  constructor(now: () => number, maxEntries: number) {
    this.#now = now;
    this.#maxEntries = maxEntries;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAtMs > this.#now()) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: V, expiresAtMs: number): void {
    // Deleting first moves the key to the end: the oldest entry is then the one set longest ago.
    this.#entries.delete(key);
    if (this.#entries.size >= this.#maxEntries) this.#makeRoom();
    this.#entries.set(key, { value, expiresAtMs });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  #makeRoom(): void {
    const nowMs = this.#now();
    for (const [key, entry] of this.#entries) if (entry.expiresAtMs <= nowMs) this.#entries.delete(key);
    if (this.#entries.size < this.#maxEntries) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }
}
