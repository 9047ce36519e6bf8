/** So many charges in a window, for each subject. */
export interface RateLimit {
  /** What a client knows it by, in RateLimit-Policy. Limits of one name count together. */
  readonly name: string;
  readonly quota: number;
  readonly windowMs: number;
  /** Everybody's together: no client is told where it stands, for that would tell of others. */
  readonly shared?: boolean;
}

/** One request, counted against a limit. */
export interface Charge {
  readonly limit: RateLimit;
  /** Who is counted, in clear: a store that others can read hashes it. */
  readonly subject: string;
}

/** Where a subject stands after a charge; where that did not count, as if it had. */
export interface Standing {
  readonly limit: RateLimit;
  /** False: over the limit. Such a charge does not count, so that trying again makes the wait no longer. */
  readonly allowed: boolean;
  /** Charges that would be allowed now. */
  readonly remaining: number;
  /** How long the current window lasts yet: above 0, at most the window. */
  readonly resetInMs: number;
}

/** An access token whose revocation is asked for. */
export interface TokenInQuestion {
  readonly tokenId: string;
  readonly sessionId: string | undefined;
}

/** Everything that one request has to ask a store before it may go on. */
export interface AdmissionQuestion {
  /**
   * In this order: behind one that is over its limit nothing counts any more. What a limit refuses must use up no other
   * one, or who is over their own could lock out everybody who shares the next.
   */
  readonly charges: readonly Charge[];
  readonly token?: TokenInQuestion | undefined;
  /** Whether these two have met: an account and an address, in clear. */
  readonly acquaintance?: string | undefined;
}

/** What cannot be said is undefined: a Redis that is full still knows what has been revoked. */
export interface AdmissionAnswer {
  /** One for each charge, in their order. */
  readonly standings: readonly Standing[] | undefined;
  /** False where no token was asked for. */
  readonly revoked: boolean | undefined;
  /** False where no acquaintance was asked for. */
  readonly acquainted: boolean | undefined;
  /** Why something cannot be said; undefined where all can. */
  readonly trouble: unknown;
}

/**
 * Limits and revocations, asked in one round trip. One attempt: what a store does not answer, or not in a way that makes
 * sense, is undefined, and whoever asks decides what happens then (admission.ts).
 *
 * All implementations count by the same sliding window (sliding-window.ts).
 */
export interface AdmissionStore {
  /** Never rejects. */
  ask(question: AdmissionQuestion): Promise<AdmissionAnswer>;
  /** Remembers an acquaintance for ACQUAINTANCE_MS. Rejects where it cannot. */
  acquaint(acquaintance: string): Promise<void>;
}

/** 30 days, a session's life unless told otherwise: who signs in more seldom is a stranger again. */
export const ACQUAINTANCE_MS = 30 * 86_400_000;
