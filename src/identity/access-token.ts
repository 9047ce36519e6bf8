import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { Caller } from "../context.ts";
import { roleName, roleOf } from "../contract/roles.ts";
import type { Role } from "../gen/policy/v1/policy_pb.ts";

/** Why a token is not accepted: for the log. A client is told only that it is not valid. */
export type TokenProblem = "malformed" | "expired" | "not-verified" | "claims";

export type Verification =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly problem: TokenProblem };

export interface AccessTokens {
  /** The lifetime of a token minted now, in seconds. */
  readonly lifetimeSeconds: number;
  mint(holder: { readonly userId: string; readonly role: Role; readonly sessionId: string }): Promise<string>;
  verify(token: string): Promise<Verification>;
}

export interface AccessTokenOptions {
  readonly secret: string;
  readonly issuer: string;
  readonly audience: string;
  readonly lifetimeSeconds: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The only algorithm of this key: the token's header never chooses (RFC 8725, section 3.1). */
const ALGORITHM = "HS256";
/** RFC 9068, section 2.1. */
const TYPE = "at+jwt";
/** Longer than any token that we mint by far; what is longer is not looked at. */
const MAX_TOKEN_LENGTH = 4_096;
/** The least that the cap on lifetimes allows, so that lowering our own lifetime ends no token that we gave out. */
const LEAST_LIFETIME_CAP_SECONDS = 86_400;
const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** Mints and verifies the gateway's access tokens: JWTs after RFC 9068 with the claims of contract.md section 3. */
export async function createAccessTokens(options: AccessTokenOptions): Promise<AccessTokens> {
  const { issuer, audience, lifetimeSeconds, now } = options;
  // Imported once: jose imports a secret given as bytes anew for each token.
  const secret = new TextEncoder().encode(options.secret);
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);

  const lifetimeCapSeconds = Math.max(lifetimeSeconds, LEAST_LIFETIME_CAP_SECONDS);

  return {
    lifetimeSeconds,

    mint({ userId, role, sessionId }) {
      const issuedAt = Math.floor(now() / 1000);
      return new SignJWT({ role: roleName(role), sid: sessionId })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(userId)
        .setJti(crypto.randomUUID())
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + lifetimeSeconds)
        .sign(key);
    },

    async verify(token) {
      if (token.length > MAX_TOKEN_LENGTH || !COMPACT_JWS.test(token)) return { ok: false, problem: "malformed" };
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [ALGORITHM],
          typ: TYPE,
          issuer,
          audience,
          requiredClaims: ["sub", "jti", "iat", "exp"],
          currentDate: new Date(now()),
        });
        const caller = callerFrom(payload, lifetimeCapSeconds);
        return caller === undefined ? { ok: false, problem: "claims" } : { ok: true, caller };
      } catch (error) {
        return { ok: false, problem: error instanceof errors.JWTExpired ? "expired" : "not-verified" };
      }
    },
  };
}

/**
 * jose checks the signature and the registered claims, and lets shapes through that must not become identities: a
 * `sub` that is an object, an `exp` of 1e400. A lifetime beyond any of ours means that it was minted elsewhere.
 */
function callerFrom(payload: JWTPayload, maxLifetimeSeconds: number): Caller | undefined {
  const { sub, jti, iat, exp, sid } = payload;
  const role = roleOf(payload.role);
  const ids = [sub, jti, ...(sid === undefined ? [] : [sid])];
  if (role === undefined || !ids.every(isId)) return undefined;
  if (!Number.isFinite(iat) || !Number.isFinite(exp)) return undefined;
  if (exp! - iat! > maxLifetimeSeconds || exp! <= iat!) return undefined;
  return {
    userId: sub!,
    role,
    sessionId: sid as string | undefined,
    tokenId: jti!,
    issuedAtSeconds: iat!,
    expiresAtSeconds: exp!,
  };
}

function isId(value: unknown): value is string {
  return typeof value === "string" && ID.test(value);
}
