import { unreadable } from "./unreadable.ts";

/** Flags, one byte, and the length of what follows, four. */
const HEAD_BYTES = 5;

/**
 * Throws VALIDATION_ERROR unless the body is one whole envelope and nothing else, which is all that a client with one
 * message sends. Connect would find out too, but after it has cut the whole body up: 1 MiB of empty envelopes takes it a
 * quarter of a second. And it believes a length, up to 4 GiB, before the bytes have come.
 */
export function demandOneEnvelope(body: Uint8Array = new Uint8Array()): void {
  const length = body.length - HEAD_BYTES;
  if (length < 0 || new DataView(body.buffer, body.byteOffset).getUint32(1) !== length) throw unreadable();
}
