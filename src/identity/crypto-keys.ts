import { base64url } from "jose";
import type { AsymmetricAlgorithm } from "./verification-key.ts";

/** The members of a public key that say which key it is (RFC 7518, section 6; RFC 8037). */
export interface PublicJwk {
  readonly kty?: string | undefined;
  readonly crv?: string | undefined;
  readonly n?: string | undefined;
  readonly e?: string | undefined;
  readonly x?: string | undefined;
  readonly y?: string | undefined;
}

/** What WebCrypto calls the algorithms. jose has functions for all this as well, which weigh 3 KiB at the edge. */
const WEB_CRYPTO = {
  EdDSA: { name: "Ed25519" },
  Ed25519: { name: "Ed25519" },
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256" },
} as const satisfies Record<AsymmetricAlgorithm, { name: string; namedCurve?: string; hash?: string }>;

/** A key that verifies. Rejects for one that is damaged or of another kind. */
export function importPublicJwk(jwk: PublicJwk, algorithm: AsymmetricAlgorithm): Promise<CryptoKey> {
  return crypto.subtle.importKey("jwk", { ...jwk } as JsonWebKey, WEB_CRYPTO[algorithm], false, ["verify"]);
}

/** A key that signs, from PKCS#8 in PEM. Rejects for one that is damaged or of another kind. */
export function importPrivatePem(pem: string, algorithm: AsymmetricAlgorithm): Promise<CryptoKey> {
  return crypto.subtle.importKey("pkcs8", bytesOf(pem), WEB_CRYPTO[algorithm], false, ["sign"]);
}

/** The public half of a key in PEM, whichever half that is. Rejects as above. */
export async function publicJwkOf(pem: string, algorithm: AsymmetricAlgorithm): Promise<PublicJwk> {
  // Extractable for as long as this function runs: WebCrypto has no other way from a private key to its public half.
  const key = pem.includes("PRIVATE KEY")
    ? await crypto.subtle.importKey("pkcs8", bytesOf(pem), WEB_CRYPTO[algorithm], true, ["sign"])
    : await crypto.subtle.importKey("spki", bytesOf(pem), WEB_CRYPTO[algorithm], true, ["verify"]);
  const { kty, crv, x, y } = (await crypto.subtle.exportKey("jwk", key)) as JsonWebKey;
  return { kty, crv, x, ...(y === undefined ? {} : { y }) };
}

/** The name that everybody gives the same elliptic-curve key (RFC 7638): its members in order, hashed. */
export async function thumbprintOf({ kty, crv, x, y }: PublicJwk): Promise<string> {
  const canonical = JSON.stringify({ crv, kty, x, y });
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonical));
  return base64url.encode(new Uint8Array(hash));
}

function bytesOf(pem: string): Uint8Array<ArrayBuffer> {
  const text = atob(pem.replaceAll(/-----[^-]+-----|\s/g, ""));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
