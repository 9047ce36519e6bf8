import { generateKeyPairSync } from "node:crypto";

/** A pair of keys in PEM, as an operator has them. */
export interface PemPair {
  /** PKCS#8. */
  readonly privateKey: string;
  /** SPKI. */
  readonly publicKey: string;
}

const ENCODINGS = {
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
} as const;

export const PEM_PAIRS = {
  ed25519: (): PemPair => generateKeyPairSync("ed25519", ENCODINGS),
  ed448: (): PemPair => generateKeyPairSync("ed448", ENCODINGS),
  x25519: (): PemPair => generateKeyPairSync("x25519", ENCODINGS),
  rsa: (): PemPair => generateKeyPairSync("rsa", { modulusLength: 2048, ...ENCODINGS }),
  ec: (namedCurve: string): PemPair => generateKeyPairSync("ec", { namedCurve, ...ENCODINGS }),
};
