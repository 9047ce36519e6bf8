import { ExpiringMap } from "../identity/expiring-map.ts";
import type { GatewayMetrics } from "../telemetry/gateway-metrics.ts";
import { describeTrouble, type Logger } from "../telemetry/logger.ts";
import {
  ACQUAINTANCE_MS,
  type AdmissionStore,
  type Charge,
  type RateLimit,
  type Standing,
  type TokenInQuestion,
} from "./admission-store.ts";
import { MemoryLimiter } from "./memory-limiter.ts";
import type { SeenRevocations, UsersToken } from "./seen-revocations.ts";

/** An access token, and what its bearer wants to do. */
export interface TokenToAdmit extends TokenInQuestion, UsersToken {
  readonly expiresAtSeconds: number;
  /** Whether the request changes nothing. */
  readonly reads: boolean;
}

export interface AdmissionRequest {
  readonly charges: readonly Charge[];
  readonly token?: TokenToAdmit | undefined;
  /** An account and an address that want to know whether they have met. */
  readonly acquaintance?: string | undefined;
}

/** What is known of a request's token: nothing against it, revoked, or that nobody can say and it is too old to trust. */
export type TokenStanding = "good" | "revoked" | "unknown";

export interface Admitted {
  readonly standings: readonly Standing[];
  /** "good" where there is no token. */
  readonly token: TokenStanding;
  readonly acquainted: boolean;
}

export interface Admission {
  /** Asks once what one request needs to know. Never rejects. */
  admit(request: AdmissionRequest): Promise<Admitted>;
  /** Remembers, in the background, that an account has signed in from an address. */
  acquaint(acquaintance: string): void;
}

export interface AdmissionDependencies {
  readonly store: AdmissionStore;
  readonly seen: SeenRevocations;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly metrics: GatewayMetrics;
  readonly logger: Logger;
  /** Keeps work alive that goes on after the answer. */
  readonly keepAlive: (work: Promise<void>) => void;
}

/** While nobody can say what has been revoked, a token may write for so long after it was issued (contract section 7). */
const TRUSTED_AGE_SECONDS = 900;

/**
 * What one process allows of a limit while it cannot count together with the others: half. Two instances then allow
 * what the store did, and no outage of the store makes a limit disappear, so that nobody gains by causing one.
 */
const LOCAL_SHARE = 0.5;

const MAX_MET = 10_000;

/** How long the store must have answered without a failure until it counts as back: a flapping one is no news. */
const RECOVERY_MS = 2_000;

/**
 * The policy of a store that may be unusable (reliability.md). What it answers counts. What it does not:
 *
 * - limits: this process counts alone, a part of each quota, in bounded memory. A sign-in is limited like that, too.
 * - acquaintances: those that this process has made.
 * - revocations: what this process saw revoked stays revoked. Reads go on, writes only with a token issued moments ago.
 */
export function createAdmission(dependencies: AdmissionDependencies): Admission {
  const { store, seen, now, metrics, logger, keepAlive } = dependencies;
  const local = new MemoryLimiter(now);
  const met = new ExpiringMap<true>(now, MAX_MET);
  const shareOf = localShares();
  const health = storeHealth({ now, logger, onRecovery: () => local.clear() });

  const localStandings = (charges: readonly Charge[]): readonly Standing[] => {
    metrics.storeFallbacks.labels({ feature: "limits" }).inc();
    return local.chargeAll(charges.map(({ limit, subject }) => ({ limit: shareOf(limit), subject })));
  };

  const tokenStanding = (token: TokenToAdmit | undefined, revoked: boolean | undefined): TokenStanding => {
    if (token === undefined) return "good";
    if (revoked === undefined) {
      metrics.storeFallbacks.labels({ feature: "revocation" }).inc();
      return seen.hasEnded(token) ? "revoked" : standingWithoutStore(token, now());
    }
    if (!revoked) return "good";
    seen.seeToken(token.tokenId, token.expiresAtSeconds);
    return "revoked";
  };

  return {
    async admit({ charges, token, acquaintance }) {
      const { standings, revoked, acquainted, trouble } = await store.ask({ charges, token, acquaintance });
      if (trouble === undefined) health.answered();
      else health.failed(trouble);
      return {
        standings: standings ?? localStandings(charges),
        token: tokenStanding(token, revoked),
        acquainted: acquainted ?? (acquaintance !== undefined && met.get(acquaintance) === true),
      };
    },

    acquaint(acquaintance) {
      met.set(acquaintance, true, now() + ACQUAINTANCE_MS);
      keepAlive(store.acquaint(acquaintance).catch((error: unknown) => health.failed(error)));
    },
  };
}

function standingWithoutStore({ reads, issuedAtSeconds }: TokenToAdmit, nowMs: number): TokenStanding {
  if (reads) return "good";
  const ageSeconds = nowMs / 1000 - issuedAtSeconds;
  return ageSeconds < TRUSTED_AGE_SECONDS ? "good" : "unknown";
}

/** Made once for each limit, of which there are few. */
function localShares(): (limit: RateLimit) => RateLimit {
  const shares = new Map<RateLimit, RateLimit>();
  return (limit) => {
    let share = shares.get(limit);
    if (share === undefined) {
      share = { ...limit, quota: Math.max(1, Math.floor(limit.quota * LOCAL_SHARE)) };
      shares.set(limit, share);
    }
    return share;
  };
}

interface StoreHealthOptions extends Pick<AdmissionDependencies, "now" | "logger"> {
  readonly onRecovery: () => void;
}

/** Says when the store becomes unusable and when it is back: one line for each, however many requests come between. */
function storeHealth({ now, logger, onRecovery }: StoreHealthOptions) {
  let failedAtMs: number | undefined;
  return {
    answered(): void {
      if (failedAtMs === undefined || now() - failedAtMs < RECOVERY_MS) return;
      failedAtMs = undefined;
      onRecovery();
      logger.log("info", "limits and revocations are decided by the store again");
    },
    failed(error: unknown): void {
      const news = failedAtMs === undefined;
      failedAtMs = now();
      if (!news) return;
      logger.log("warn", "limits and revocations are decided in this process: the store gave no answer", {
        error: describeTrouble(error),
      });
    },
  };
}
