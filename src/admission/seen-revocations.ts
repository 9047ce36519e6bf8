import { ExpiringMap } from "../identity/expiring-map.ts";
import type { SessionStore } from "../identity/session-store.ts";
import type { TokenInQuestion } from "./admission-store.ts";

const MAX_SEEN = 100_000;

/** An access token, as far as it says whether it is among those that ended with all sessions of their user. */
export interface UsersToken {
  readonly userId: string;
  readonly issuedAtSeconds: number;
}

export interface SeenRevocationsOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long a session's revocation matters: as long as its access tokens can live. */
  readonly revokedForMs: number;
}

/**
 * What this process itself has seen revoked: by a logout that it served, or in an answer of the store. It stays revoked
 * here while the store is unusable, and costs no question when it is not.
 */
export class SeenRevocations {
  readonly #now: () => number;
  readonly #revokedForMs: number;
  readonly #tokens: ExpiringMap<true>;
  readonly #sessions: ExpiringMap<true>;
  /** When all sessions of a user were ended, in seconds since the epoch. */
  readonly #users: ExpiringMap<number>;

  constructor({ now, revokedForMs }: SeenRevocationsOptions) {
    this.#now = now;
    this.#revokedForMs = revokedForMs;
    this.#tokens = new ExpiringMap(now, MAX_SEEN);
    this.#sessions = new ExpiringMap(now, MAX_SEEN);
    this.#users = new ExpiringMap(now, MAX_SEEN);
  }

  /** Whether this very token, or its session, was seen revoked. */
  has({ tokenId, sessionId }: TokenInQuestion): boolean {
    if (this.#tokens.get(tokenId) !== undefined) return true;
    return sessionId !== undefined && this.#sessions.get(sessionId) !== undefined;
  }

  /**
   * Whether all sessions of its user were ended here after it was issued, as far as clocks can tell. For while no store
   * can be asked: one that was issued by an instance whose clock is behind may be of the next sign-in, and the store
   * knows better.
   */
  hasEnded({ userId, issuedAtSeconds }: UsersToken): boolean {
    return issuedAtSeconds < (this.#users.get(userId) ?? Number.NEGATIVE_INFINITY);
  }

  /** One access token, until it would have expired anyhow (seconds since the epoch). */
  seeToken(tokenId: string, expiresAtSeconds: number): void {
    this.#tokens.set(tokenId, true, expiresAtSeconds * 1000);
  }

  #seeSession(sessionId: string): void {
    this.#sessions.set(sessionId, true, this.#now() + this.#revokedForMs);
  }

  #seeUser(userId: string): void {
    this.#users.set(userId, Math.floor(this.#now() / 1000), this.#now() + this.#revokedForMs);
  }

  /** The same sessions, whose revocations are seen once they are stored: a logout that failed has not happened. */
  watch(sessions: SessionStore): SessionStore {
    return {
      demandUsable: () => sessions.demandUsable(),
      create: (session) => sessions.create(session),
      find: (sessionId) => sessions.find(sessionId),
      rotate: async (sessionId, generation) => {
        const rotation = await sessions.rotate(sessionId, generation);
        if (rotation.kind === "replayed") this.#seeSession(sessionId);
        return rotation;
      },
      revokeSession: async (sessionId) => {
        await sessions.revokeSession(sessionId);
        this.#seeSession(sessionId);
      },
      revokeUser: async (userId) => {
        await sessions.revokeUser(userId);
        this.#seeUser(userId);
      },
      revokeToken: async (tokenId, expiresAtSeconds) => {
        await sessions.revokeToken(tokenId, expiresAtSeconds);
        this.seeToken(tokenId, expiresAtSeconds);
      },
    };
  }
}
