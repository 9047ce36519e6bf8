import { base64url } from "jose";

/** What a token says of itself before anybody has checked its signature: enough to look for the key, and no more. */
export interface UnverifiedToken {
  readonly algorithm: string;
  readonly keyId: string | undefined;
  /** The claim `iss`. */
  readonly issuer: string;
}

/** Longer than any token that we mint by far; what is longer is not looked at. */
const MAX_TOKEN_LENGTH = 4_096;
const COMPACT_JWS = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;
/** RFC 9068, section 2.1, with its media type written out or not, in any letter case as media types are. */
const TYPE = /^(?:application\/)?at\+jwt$/i;
/**
 * A header has these members and no others. Those that bring a key along (`jwk`, `jku`, `x5u`, `x5c`), that ask for
 * something special (`crit`, `b64`) or that nobody here knows would have no effect; refusing them says so.
 */
const HEADER_MEMBERS: ReadonlySet<string> = new Set(["alg", "typ", "kid"]);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a token's shape: three parts, a header that is exactly as the gateway's own are, claims that are an object with
 * an issuer. Undefined for anything else, which no key could make good.
 */
export function readUnverified(token: string): UnverifiedToken | undefined {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  const [, headerPart = "", claimsPart = "", signature = ""] = COMPACT_JWS.exec(token) ?? [];
  if (!hasOneSpelling(signature)) return undefined;
  const header = readObject(headerPart);
  const claims = readObject(claimsPart);
  if (header === undefined || claims === undefined) return undefined;
  const { alg, typ, kid } = header;
  if (!Object.keys(header).every((member) => HEADER_MEMBERS.has(member))) return undefined;
  if (typeof alg !== "string" || typeof typ !== "string" || !TYPE.test(typ)) return undefined;
  if (kid !== undefined && typeof kid !== "string") return undefined;
  if (typeof claims.iss !== "string") return undefined;
  return { algorithm: alg, keyId: kid, issuer: claims.iss };
}

/**
 * The last letter of a base64url text may have bits that decode to nothing, so that one signature has up to 16 spellings.
 * One token has one. (Header and claims are signed as they are spelt.)
 */
function hasOneSpelling(signature: string): boolean {
  try {
    return base64url.encode(base64url.decode(signature)) === signature;
  } catch {
    return false;
  }
}

function readObject(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(base64url.decode(part)));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
