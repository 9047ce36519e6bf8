/**
 * What a token of ours or of an external issuer may be signed with. `none` is no member, nor is anything that is made for
 * encryption. `Ed25519` is the newer name of what `EdDSA` means here (RFC 9864).
 */
export type SignatureAlgorithm = "HS256" | AsymmetricAlgorithm;
export type AsymmetricAlgorithm = "EdDSA" | "Ed25519" | "ES256" | "RS256" | "PS256";

/** A key, and the one algorithm that it is used with: a token's header never chooses (RFC 8725, section 3.1). */
export interface VerificationKey {
  readonly algorithm: SignatureAlgorithm;
  /** The only `kid` that means this key. Undefined for a shared secret, which has no name. */
  readonly keyId: string | undefined;
  readonly key: CryptoKey;
}
