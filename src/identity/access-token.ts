import { type JSONWebKeySet, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { JWTClaimValidationFailed, JWTExpired, JWTInvalid } from "jose/errors";
import type { Caller } from "../context.ts";
import { roleName, roleOf } from "../contract/roles.ts";
import { isId } from "../contract/string-formats.ts";
import type { Role } from "../gen/policy/v1/policy_pb.ts";
import { createOwnKeys, type OwnKeyOptions } from "./own-keys.ts";
import type { RemoteKeys } from "./remote-keys.ts";
import { readUnverified, type UnverifiedToken } from "./unverified-token.ts";
import type { VerificationKey } from "./verification-key.ts";
import { VerifiedTokens } from "./verified-tokens.ts";

/** Why a token is not accepted: for the log. A client is told only that it is not valid. */
export type TokenProblem = "malformed" | "unknown-issuer" | "unknown-key" | "not-verified" | "expired" | "claims";

export type Verification =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly problem: TokenProblem };

export interface AccessTokens {
  /** The lifetime of a token minted now, in seconds. */
  readonly lifetimeSeconds: number;
  /** What others need to verify our tokens; empty where they are signed with a shared secret. */
  readonly publicKeySet: JSONWebKeySet;
  mint(holder: { readonly userId: string; readonly role: Role; readonly sessionId: string }): Promise<string>;
  /** Whether the token is good as such. Whether it has been revoked since is for the store to say, each time. */
  verify(token: string): Promise<Verification>;
}

/** An authorization server beside us whose users are the platform's users: its `sub` is our user id. */
export interface ExternalIssuer {
  /** The claim `iss`, exactly. Never our own: one issuer has one kind of key. */
  readonly issuer: string;
  readonly keys: RemoteKeys;
}

export interface AccessTokenOptions extends OwnKeyOptions {
  readonly issuer: string;
  /** Ours and the external issuer's: who a token is for does not depend on who made it. */
  readonly audience: string;
  readonly lifetimeSeconds: number;
  readonly external?: ExternalIssuer | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** RFC 9068, section 2.1. */
const TYPE = "at+jwt";
/** The least that the cap on lifetimes allows, so that lowering our own lifetime ends no token that we gave out. */
const LEAST_LIFETIME_CAP_SECONDS = 86_400;

/** The longest life of a token that is accepted: so long must a revocation be kept, whatever our own lifetime is now. */
export function lifetimeCapSeconds(lifetimeSeconds: number): number {
  return Math.max(lifetimeSeconds, LEAST_LIFETIME_CAP_SECONDS);
}

/** How far the clock of whoever wrote `nbf` may be ahead of ours. */
const NOT_BEFORE_LEEWAY_SECONDS = 60;
/**
 * The difference of clocks between instances that we promise to bear. So far in the future a token may say it was issued:
 * that is no leeway on a limit, since nothing ends or begins with `iat`. But tokens issued lately may do more than old ones
 * while the store is down, so "lately" must not be tomorrow. And so much longer a revocation is kept.
 */
export const CLOCK_DIFFERENCE_SECONDS = 90;
/** Some 10 MB with tokens of ours. */
const MAX_REMEMBERED = 10_000;

/** Whom a token can be of, and how it is checked then. */
interface Source {
  readonly issuer: string;
  find(token: UnverifiedToken): readonly VerificationKey[] | Promise<readonly VerificationKey[]>;
  /** Whether `sid` names one of our sessions. */
  readonly hasSessions: boolean;
  /** Milliseconds since the epoch, after which its keys must be asked for again. */
  recheckAtMs(): number;
}

/**
 * Mints and verifies access tokens: JWTs after RFC 9068 with the claims of contract.md section 3.
 *
 * `exp` has no leeway: a revocation is remembered for little longer, and a token must not outlive its revocation.
 */
export async function createAccessTokens(options: AccessTokenOptions): Promise<AccessTokens> {
  const { audience, lifetimeSeconds, external, now } = options;
  const own = await createOwnKeys(options);
  const maxLifetimeSeconds = lifetimeCapSeconds(lifetimeSeconds);
  const remembered = new VerifiedTokens(now, MAX_REMEMBERED);

  const sources = new Map<string, Source>();
  sources.set(options.issuer, {
    issuer: options.issuer,
    find: own.find,
    hasSessions: true,
    recheckAtMs: () => Number.POSITIVE_INFINITY,
  });
  if (external !== undefined) {
    if (external.issuer === options.issuer) throw new Error("an external issuer must not be named like this gateway");
    const { issuer, keys } = external;
    sources.set(issuer, { issuer, find: keys.find, hasSessions: false, recheckAtMs: keys.recheckAtMs });
    keys.onChange(() => remembered.clear());
  }

  /** The signature and the registered claims, by the first key that fits. */
  const check = async (
    token: string,
    { issuer }: Source,
    keys: readonly VerificationKey[],
  ): Promise<JWTPayload | TokenProblem> => {
    let problem: TokenProblem = "unknown-key";
    for (const { key, algorithm } of keys) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [algorithm],
          typ: TYPE,
          issuer,
          audience,
          requiredClaims: ["sub", "jti", "iat", "exp"],
          currentDate: new Date(now()),
          clockTolerance: NOT_BEFORE_LEEWAY_SECONDS,
        });
        return payload;
      } catch (error) {
        problem = problemOf(error);
        // Under any other key the signature would be wrong.
        if (problem !== "not-verified") return problem;
      }
    }
    return problem;
  };

  return {
    lifetimeSeconds,
    publicKeySet: own.publicKeySet,

    mint({ userId, role, sessionId }) {
      const { algorithm: alg, keyId, key } = own.signing;
      const issuedAt = Math.floor(now() / 1000);
      return new SignJWT({ role: roleName(role), sid: sessionId })
        .setProtectedHeader({ alg, typ: TYPE, ...(keyId === undefined ? {} : { kid: keyId }) })
        .setIssuer(options.issuer)
        .setAudience(audience)
        .setSubject(userId)
        .setJti(crypto.randomUUID())
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + lifetimeSeconds)
        .sign(key);
    },

    async verify(token) {
      const known = remembered.get(token);
      if (known !== undefined) return known;
      const unverified = readUnverified(token);
      if (unverified === undefined) return { ok: false, problem: "malformed" };
      const source = sources.get(unverified.issuer);
      if (source === undefined) return { ok: false, problem: "unknown-issuer" };
      const keys = await source.find(unverified);
      // Now, and not after the check: should the keys change meanwhile, this token is checked again soon.
      const recheckAtMs = source.recheckAtMs();
      const payload = await check(token, source, keys);
      if (typeof payload === "string") return { ok: false, problem: payload };
      const caller = callerFrom(payload, { maxLifetimeSeconds, hasSessions: source.hasSessions, nowMs: now() });
      if (typeof caller === "string") return { ok: false, problem: caller };
      const verified = { ok: true, caller } as const;
      remembered.set(token, verified, Math.min(caller.expiresAtSeconds * 1000, recheckAtMs));
      return verified;
    },
  };
}

function problemOf(error: unknown): TokenProblem {
  if (error instanceof JWTExpired) return "expired";
  if (error instanceof JWTClaimValidationFailed || error instanceof JWTInvalid) return "claims";
  return "not-verified";
}

interface ClaimRules {
  readonly maxLifetimeSeconds: number;
  readonly hasSessions: boolean;
  readonly nowMs: number;
}

/**
 * jose checks the signature and the registered claims, and lets shapes through that must not become identities: a
 * `sub` that is an object, an `exp` of 1e400. A lifetime beyond any of ours means that it was minted elsewhere.
 */
function callerFrom(
  payload: JWTPayload,
  { maxLifetimeSeconds, hasSessions, nowMs }: ClaimRules,
): Caller | TokenProblem {
  const { sub, jti, iat, exp } = payload;
  // A session of the external issuer is none of ours, and must not end one of ours at logout.
  const sid = hasSessions ? payload.sid : undefined;
  const role = roleOf(payload.role);
  if (role === undefined || !isIdentity(sub) || !isIdentity(jti)) return "claims";
  if (sid !== undefined && !isIdentity(sid)) return "claims";
  if (!Number.isFinite(iat) || !Number.isFinite(exp)) return "claims";
  if (exp! - iat! > maxLifetimeSeconds || exp! <= iat!) return "claims";
  if (exp! * 1000 <= nowMs) return "expired";
  if (iat! > nowMs / 1000 + CLOCK_DIFFERENCE_SECONDS) return "claims";
  return { userId: sub, role, sessionId: sid, tokenId: jti, issuedAtSeconds: iat!, expiresAtSeconds: exp! };
}

function isIdentity(value: unknown): value is string {
  return typeof value === "string" && isId(value);
}
