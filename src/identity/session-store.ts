/** What the gateway knows of a sign-in while it lasts: the refresh-token family of RFC 9700, section 4.14. */
export interface Session {
  /** The claim `sid`. */
  readonly sessionId: string;
  readonly userId: string;
  /** Milliseconds since the epoch, after which no refresh is possible, used or not. */
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
 * Sessions and revocations. A refresh token is not stored, not even as a hash: it names its session and its generation
 * under the gateway's own MAC (refresh-token.ts), so a store has to remember one number a family.
 *
 * Every operation is atomic. A store that cannot be reached rejects; it never guesses.
 */
export interface SessionStore {
  /** Begins a family at generation 1. */
  create(session: Session): Promise<void>;
  /** The session, if it can still be refreshed. */
  find(sessionId: string): Promise<SessionState | undefined>;
  /** Uses the refresh token of a generation. Of parallel calls for one generation exactly one is "rotated". */
  rotate(sessionId: string, generation: number): Promise<Rotation>;
  /**
   * Ends a session: its family, and every access token that carries its `sid`. It must be remembered for as long as an
   * access token lives, also where no such family is known.
   */
  revokeSession(sessionId: string, accessLifetimeSeconds: number): Promise<void>;
  /** Refuses one access token until it would have expired anyhow (seconds since the epoch). */
  revokeToken(tokenId: string, expiresAtSeconds: number): Promise<void>;
  /** Whether the token itself or its session has been revoked. */
  isRevoked(token: { readonly tokenId: string; readonly sessionId: string | undefined }): Promise<boolean>;
}

/** A refresh token that was replaced no longer ago than this is answered again (contract.md section 7). */
export const ROTATION_GRACE_MS = 10_000;
