const encoder = new TextEncoder();

/**
 * A key for HMAC-SHA-256 that is derived from the signing secret (HKDF, RFC 5869) under a label of its own: what is made
 * with one such key passes nowhere else, and no two uses can be played against each other.
 */
export async function deriveMacKey(secret: string, label: string): Promise<CryptoKey> {
  const master = await crypto.subtle.importKey("raw", encoder.encode(secret), "HKDF", false, ["deriveKey"]);
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(32), info: encoder.encode(label) },
    master,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign", "verify"],
  );
}
