import { CLOCK_DIFFERENCE_SECONDS, lifetimeCapSeconds } from "./access-token.ts";

/** What the gateway knows of a sign-in while it lasts: the refresh-token family of RFC 9700, section 4.14. */
export interface Session {
  /** The claim `sid`. */
  readonly sessionId: string;
  readonly userId: string;
  /** The absolute limit: milliseconds since the epoch, after which no refresh is possible, used or not. */
  readonly expiresAtMs: number;
}

/** A session and how often it has been refreshed. */
export interface SessionState extends Session {
  /** That of the newest refresh token; the first is 1. */
  readonly generation: number;
}

/** What came of a refresh token's use. */
export type Rotation =
  /** It was the family's newest; the next generation is now. */
  | { readonly kind: "rotated"; readonly generation: number }
  /** It was replaced moments ago (a lost answer, two tabs): the newest generation is answered again. */
  | { readonly kind: "repeated"; readonly generation: number }
  /** It was replaced long ago, so somebody has a copy: the family and its access tokens are dead now. */
  | { readonly kind: "replayed" }
  /** No such session, or one that has ended. */
  | { readonly kind: "unknown" };

/**
 * Sessions and revocations; whether something has been revoked is asked with the limits (admission-store.ts). A refresh token is not stored, not even as a hash: it names its session and its generation
 * under the gateway's own MAC (refresh-token.ts), so a store has to remember one number a family.
 *
 * Every operation is atomic. A store that cannot be reached rejects; it never guesses.
 */
export interface SessionStore {
  /**
   * Rejects where sessions cannot be written now: asked before something is done that would be left half done, such as
   * making an account that nobody is then signed in to.
   */
  demandUsable(): Promise<void>;
  /**
   * Begins a family at generation 1. Where its user has MAX_SESSIONS_PER_USER already, the one that would end first (it
   * has not been used for the longest time) ends now, its access tokens included.
   */
  create(session: Session): Promise<void>;
  /** The session, if it can still be refreshed. */
  find(sessionId: string): Promise<SessionState | undefined>;
  /**
   * Uses the refresh token of a generation, which puts the idle limit off. Of parallel calls for one generation exactly
   * one is "rotated".
   */
  rotate(sessionId: string, generation: number): Promise<Rotation>;
  /**
   * Ends a session: its family, and every access token that carries its `sid`. It is remembered for as long as an access
   * token can live, also where no such family is known.
   */
  revokeSession(sessionId: string): Promise<void>;
  /** Ends all sessions of a user, as revokeSession does. */
  revokeUser(userId: string): Promise<void>;
  /** Refuses one access token until it has expired (seconds since the epoch) by the clock of any instance. */
  revokeToken(tokenId: string, expiresAtSeconds: number): Promise<void>;
}

/** A refresh token that was replaced no longer ago than this is answered again (contract.md section 7). */
export const ROTATION_GRACE_MS = 10_000;

/**
 * What is remembered of a family's replaced generations within the grace. An honest client replaces two or three; what
 * is beyond is as old.
 */
export const MAX_REPLACED_GENERATIONS = 100;

/** Nobody has so many devices; a loop that signs in anew each time has no end. */
export const MAX_SESSIONS_PER_USER = 100;

const IDLE_MS = 7 * 86_400_000;

/** How long things are kept, in milliseconds. */
export interface SessionTimes {
  /** A session that has not been refreshed for so long has ended, whatever is left of its absolute life. */
  readonly idleMs: number;
  /**
   * How long a session's revocation is kept: as long as the longest-lived access token that is accepted, which may have
   * been minted by an instance whose clock is ahead and be shown to one whose clock is behind.
   */
  readonly revokedForMs: number;
}

/**
 * The idle limit is a week from the end of the access token that the last refresh gave out: while a client can live off
 * that one it has no reason to refresh, and is not idle. A revocation outlives the longest token that is accepted, not the
 * longest that is minted now: the lifetime may have been lowered since.
 */
export function sessionTimes(accessLifetimeSeconds: number): SessionTimes {
  return {
    idleMs: accessLifetimeSeconds * 1000 + IDLE_MS,
    revokedForMs: (lifetimeCapSeconds(accessLifetimeSeconds) + CLOCK_DIFFERENCE_SECONDS) * 1000,
  };
}

/** Until when a token's revocation is kept, in milliseconds since the epoch by the clock that its end was read by. */
export function revokedUntilMs(expiresAtSeconds: number): number {
  return (expiresAtSeconds + CLOCK_DIFFERENCE_SECONDS) * 1000;
}
