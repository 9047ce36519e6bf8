import { base64url } from "jose";
import { deriveMacKey } from "../identity/derived-key.ts";

/** Names a subject so that it cannot be read, and only who has the secret can tell whose it is. */
export type HashSubject = (subject: string) => Promise<string>;

const encoder = new TextEncoder();
/** 128 bits: nobody finds two subjects of one name, and a key stays short. */
const NAME_BYTES = 16;

/**
 * E-mail addresses and IP addresses must not stand in a store that others operate, and a bare hash of them is soon
 * guessed. A new secret begins every count anew.
 */
export async function createHashSubject(secret: string): Promise<HashSubject> {
  const key = await deriveMacKey(secret, "devmatch rate limit v1");
  return async (subject) => {
    const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(subject));
    return base64url.encode(new Uint8Array(mac, 0, NAME_BYTES));
  };
}
