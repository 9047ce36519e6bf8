/**
 * A strong entity tag (RFC 9110, section 8.8.3) of an answer: of its body, and of those of its headers that say something
 * about it, such as how many items there are in all.
 *
 * 64 bits that are not cryptographic: two versions of one thing have the same tag by accident only, and not on purpose
 * either, since a body has times and ids in it that its writer does not choose; what a collision would gain is that
 * somebody goes on seeing a version that they have been shown. SHA-256 of WebCrypto costs five times as much for a Task,
 * half as much again for a list, and a turn of the event loop (bench/entity-tag.ts).
 */
export function entityTag(body: string | Uint8Array, headers: string): string {
  const lanes = { a: 0x3c6ef372, b: 0x510e527f };
  absorb(lanes, encoder.encode(headers));
  absorb(lanes, typeof body === "string" ? encoder.encode(body) : body);
  // The last words have not gone far: here every bit reaches all of both lanes.
  const a = finish(lanes.a ^ lanes.b);
  const b = finish(lanes.b ^ a);
  return `"${hex(a)}${hex(b)}"`;
}

const encoder = new TextEncoder();

/**
 * Takes in four bytes at a time and, first, how many there are. Each step can be undone, so that no change of one word is
 * ever lost; the two lanes turn and multiply in their own ways. The odd numbers are MurmurHash3's, which is built like this.
 */
function absorb(lanes: { a: number; b: number }, bytes: Uint8Array): void {
  const { length } = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  let a = lanes.a ^ length;
  let b = lanes.b ^ length;
  for (let at = 0; at < length; at += 4) {
    const word = at + 4 <= length ? view.getInt32(at, true) : lastWord(bytes, at);
    a = Math.imul(((a << 13) | (a >>> 19)) ^ word, 0xcc9e2d51);
    b = Math.imul(((b << 17) | (b >>> 15)) ^ word, 0x1b873593);
  }
  lanes.a = a;
  lanes.b = b;
}

/** What is left of the bytes, one to three. */
function lastWord(bytes: Uint8Array, from: number): number {
  return bytes.subarray(from).reduce((word, byte) => (word << 8) | byte, 0);
}

/** MurmurHash3's finalizer. */
function finish(lane: number): number {
  let mixed = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, "0");
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
