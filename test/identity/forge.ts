import { base64url } from "jose";

/** What the tests' own gateway is called, and the key it signs with. */
export const ISSUER = "devmatch-gateway";
export const AUDIENCE = "devmatch";
export const SECRET = "kX7-fake-but-random-looking-bytes-0f9a2c";

/** The time in these tests, in milliseconds and in seconds. */
export const NOW_MS = Date.UTC(2030, 0, 2, 3, 4, 5);
export const NOW_S = NOW_MS / 1000;

/** A header and claims that the gateway would have made itself. */
export const GOOD_HEADER = { alg: "HS256", typ: "at+jwt" };
export const GOOD_CLAIMS = {
  iss: ISSUER,
  aud: AUDIENCE,
  sub: "user-1",
  role: "CLIENT",
  sid: "session-1",
  jti: "token-1",
  iat: NOW_S,
  exp: NOW_S + 3600,
};

/** `JSON` as text, for what JSON.stringify cannot write: `1e400`, a key twice. */
export type JsonSource = string | Readonly<Record<string, unknown>>;

/**
 * Signs any header and any claims by hand. A library that makes tokens refuses to make those that these tests are
 * about; and what is signed here does not share a mistake with the library that verifies.
 */
export async function forge(
  header: JsonSource,
  claims: JsonSource,
  secret = SECRET,
  hash = "SHA-256",
): Promise<string> {
  const content = `${part(header)}.${part(claims)}`;
  const algorithm = { name: "HMAC", hash };
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(secret), algorithm, false, ["sign"]);
  const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(content));
  return `${content}.${base64url.encode(new Uint8Array(mac))}`;
}

/** One part of a compact token. */
export function part(source: JsonSource): string {
  return base64url.encode(typeof source === "string" ? source : JSON.stringify(source));
}

/** The good claims without one, and with others. */
export function claims(changes: Readonly<Record<string, unknown>> = {}, without?: string): Record<string, unknown> {
  const { [without ?? ""]: _, ...rest } = { ...GOOD_CLAIMS, ...changes } as Record<string, unknown>;
  return rest;
}
