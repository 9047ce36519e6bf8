import { importPublicJwk, type PublicJwk } from "./crypto-keys.ts";
import type { AsymmetricAlgorithm, VerificationKey } from "./verification-key.ts";

/** More than any issuer publishes; importing them costs time that strangers can ask for. */
const MAX_KEYS = 50;
const MIN_RSA_BITS = 2_048;

/** What a kind of key signs with: what it says of itself among these, or the first where it says nothing. */
const ALGORITHMS: ReadonlyMap<string, readonly AsymmetricAlgorithm[]> = new Map([
  ["RSA ", ["RS256", "PS256"]],
  ["EC P-256", ["ES256"]],
  ["OKP Ed25519", ["EdDSA", "Ed25519"]],
]);

/**
 * The keys of a JWK Set (RFC 7517) that can verify tokens: public, asymmetric, meant for signatures, with an id. Others
 * are passed over, since a set may hold keys for other uses: an `oct` key most of all, which would be a secret that
 * anybody can read. Throws where none is left.
 */
export async function readKeySet(text: string): Promise<readonly VerificationKey[]> {
  const set: unknown = JSON.parse(text);
  const members: unknown = isObject(set) ? set.keys : undefined;
  if (!Array.isArray(members)) throw new Error("the answer is no key set");
  const keys = await Promise.all(members.slice(0, MAX_KEYS).map(importMember));
  const usable = keys.filter((key) => key !== undefined);
  if (usable.length === 0) throw new Error("the key set has no key for signatures");
  return usable;
}

async function importMember(member: unknown): Promise<VerificationKey | undefined> {
  if (!isObject(member)) return undefined;
  const { kid: keyId, use = "sig", key_ops: operations = ["verify"] } = member;
  if (typeof keyId !== "string" || keyId === "") return undefined;
  if (use !== "sig" || !Array.isArray(operations) || !operations.includes("verify")) return undefined;
  const algorithm = algorithmOf(member);
  if (algorithm === undefined) return undefined;
  try {
    const { kty, crv, n, e, x, y } = member;
    // Only what the public half is made of: a `d` that somebody published by mistake is not even looked at.
    const publicHalf = JSON.parse(JSON.stringify({ kty, crv, n, e, x, y })) as PublicJwk;
    const key = await importPublicJwk(publicHalf, algorithm);
    return isTooShort(key) ? undefined : { algorithm, keyId, key };
  } catch {
    return undefined;
  }
}

function algorithmOf({ kty, crv = "", alg }: Readonly<Record<string, unknown>>): AsymmetricAlgorithm | undefined {
  if (typeof kty !== "string" || typeof crv !== "string") return undefined;
  const possible = ALGORITHMS.get(`${kty} ${crv}`) ?? [];
  return alg === undefined ? possible[0] : possible.find((each) => each === alg);
}

function isTooShort({ algorithm }: CryptoKey): boolean {
  const { modulusLength = MIN_RSA_BITS } = algorithm as { readonly modulusLength?: number };
  return modulusLength < MIN_RSA_BITS;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
