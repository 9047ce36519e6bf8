/** Bytes of the digest that a tag has: collisions must not be found, and 128 bits are enough for that. */
const TAG_BYTES = 16;

/**
 * A strong entity tag (RFC 9110, section 8.8.3) of an answer: of its body, and of those of its headers that say something
 * about it, such as how many items there are in all. A cryptographic digest, because what is hashed is in part written by
 * clients: whoever finds a collision could keep somebody else's old version in their cache.
 */
export async function entityTag(body: string | Uint8Array, headers: string): Promise<string> {
  const bytes = typeof body === "string" ? encoder.encode(`${headers}\n${body}`) : joined(headers, body);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `"${btoa(String.fromCharCode(...digest.subarray(0, TAG_BYTES))).slice(0, 22)}"`;
}

const encoder = new TextEncoder();

function joined(headers: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = encoder.encode(`${headers}\n`);
  const bytes = new Uint8Array(head.byteLength + body.byteLength);
  bytes.set(head);
  bytes.set(body, head.byteLength);
  return bytes;
}

/**
 * Whether If-None-Match names the tag (RFC 9110, section 13.1.2). Weak tags count as strong ones: a proxy that compresses
 * makes them weak. What is no list of tags names none.
 */
export function namesTag(ifNoneMatch: string | null, tag: string): boolean {
  if (ifNoneMatch === null) return false;
  if (ifNoneMatch.trim() === "*") return true;
  return ifNoneMatch.split(",").some((candidate) => candidate.trim().replace(/^W\//, "") === tag);
}
