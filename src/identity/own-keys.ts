import type { JSONWebKeySet, JWK } from "jose";
import type { PemKey } from "../config/token-variables.ts";
import { ConfigError } from "../config/variable-reader.ts";
import { importPrivatePem, importPublicJwk, publicJwkOf, thumbprintOf } from "./crypto-keys.ts";
import type { UnverifiedToken } from "./unverified-token.ts";
import type { VerificationKey } from "./verification-key.ts";

export interface OwnKeyOptions {
  /** HS256: its UTF-8 bytes are the key. */
  readonly secret: string;
  /** Of the rotation before or after: it verifies and signs nothing. */
  readonly previousSecret?: string | undefined;
  /** Signs in the secret's place where there is one. */
  readonly privateKey?: PemKey | undefined;
  /** Of the rotation before or after: its public half verifies, and it signs nothing. */
  readonly previousKey?: PemKey | undefined;
}

/** The keys that the gateway's own tokens are signed with. They are fixed for the life of a process or isolate. */
export interface OwnKeys {
  readonly signing: VerificationKey;
  /** Every key that a token with this header can have been signed with: none, one, or both secrets. */
  find(token: Pick<UnverifiedToken, "algorithm" | "keyId">): readonly VerificationKey[];
  /** The public halves, for whoever wants to verify our tokens (RFC 7517). A secret is never in it. */
  readonly publicKeySet: JSONWebKeySet;
}

/** Imports all keys. Throws a ConfigError, which shows none, where one cannot be used. */
export async function createOwnKeys(options: OwnKeyOptions): Promise<OwnKeys> {
  const secrets = [options.secret, ...(options.previousSecret === undefined ? [] : [options.previousSecret])];
  const shared = await Promise.all(secrets.map(importSecret));
  const signing = await importPair("JWT_PRIVATE_KEY", options.privateKey);
  const previous = await importPair("JWT_PRIVATE_KEY_PREVIOUS", options.previousKey);
  if (signing !== undefined && signing.publicJwk.kid === previous?.publicJwk.kid) {
    throw new ConfigError(["JWT_PRIVATE_KEY_PREVIOUS must not be the key that JWT_PRIVATE_KEY is"]);
  }
  const pairs = [signing, previous].filter((pair) => pair !== undefined);
  const keys = [...shared, ...pairs.map(({ verification }) => verification)];

  return {
    signing: signing?.signing ?? shared[0]!,
    find: ({ algorithm, keyId }) => keys.filter((key) => key.algorithm === algorithm && key.keyId === keyId),
    publicKeySet: { keys: pairs.map(({ publicJwk }) => publicJwk) },
  };
}

async function importSecret(secret: string): Promise<VerificationKey> {
  // Imported once: jose imports a secret given as bytes anew for each token.
  const bytes = new TextEncoder().encode(secret);
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
  return { algorithm: "HS256", keyId: undefined, key };
}

interface KeyPair {
  /** Undefined where only the public half is known. */
  readonly signing: VerificationKey | undefined;
  readonly verification: VerificationKey;
  readonly publicJwk: JWK;
}

async function importPair(variable: string, source: PemKey | undefined): Promise<KeyPair | undefined> {
  if (source === undefined) return undefined;
  const { pem, algorithm } = source;
  try {
    const isPrivate = pem.includes("PRIVATE KEY");
    const bare = await publicJwkOf(pem, algorithm);
    const keyId = await thumbprintOf(bare);
    const publicJwk = { ...bare, kid: keyId, alg: algorithm, use: "sig" } as JWK;
    const verification = { algorithm, keyId, key: await importPublicJwk(bare, algorithm) };
    const signing = isPrivate ? { algorithm, keyId, key: await importPrivatePem(pem, algorithm) } : undefined;
    return { signing, verification, publicJwk };
  } catch {
    // What is wrong with it is in the library's message, and so may be a part of it.
    throw new ConfigError([`${variable} must be a key that can be used: this one is damaged`]);
  }
}
