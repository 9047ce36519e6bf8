import { generateKeyPairSync, type KeyPairKeyObjectResult } from "node:crypto";

/** A pair of keys in PEM, as an operator has them. */
export interface PemPair {
  /** PKCS#8. */
  readonly privateKey: string;
  /** SPKI. */
  readonly publicKey: string;
}

export const PEM_PAIRS = {
  ed25519: () => pemOf(generateKeyPairSync("ed25519")),
  ed448: () => pemOf(generateKeyPairSync("ed448")),
  x25519: () => pemOf(generateKeyPairSync("x25519")),
  rsa: () => pemOf(generateKeyPairSync("rsa", { modulusLength: 2048 })),
  ec: (namedCurve: string) => pemOf(generateKeyPairSync("ec", { namedCurve })),
};

function pemOf({ privateKey, publicKey }: KeyPairKeyObjectResult): PemPair {
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}
