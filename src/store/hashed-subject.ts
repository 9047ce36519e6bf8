import { base64url } from "jose";

/** Names a subject so that it cannot be read, and only who has the secret can tell whose it is. */
export type HashSubject = (subject: string) => Promise<string>;

const encoder = new TextEncoder();
/** 128 bits: nobody finds two subjects of one name, and a key stays short. */
const NAME_BYTES = 16;

/**
 * E-mail addresses and IP addresses must not stand in a store that others operate, and a bare hash of them is soon
 * guessed. The key is derived from the signing secret (HKDF, RFC 5869) with a label of its own. A new secret begins
 * every count anew.
 */
export async function createHashSubject(secret: string): Promise<HashSubject> {
  const master = await crypto.subtle.importKey("raw", encoder.encode(secret), "HKDF", false, ["deriveKey"]);
  const key = await crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(32), info: encoder.encode("devmatch rate limit v1") },
    master,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign"],
  );
  return async (subject) => {
    const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(subject));
    return base64url.encode(new Uint8Array(mac, 0, NAME_BYTES));
  };
}
