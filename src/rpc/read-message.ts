import { type DescMessage, fromBinary, fromJsonString, type Message } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { unreadable } from "./unreadable.ts";
import type { Wire } from "./wire.ts";

/**
 * Reads a request message. Throws VALIDATION_ERROR for one that cannot be read. JSON has to fit: as over REST, a typing
 * error in the name of an optional field must not go by unnoticed.
 */
export function readMessage(input: DescMessage, request: Request, body: Uint8Array, wire: Wire): Message {
  try {
    const bytes = messageBytes(request, body, wire);
    return wire.codec === "proto" ? fromBinary(input, bytes) : fromJsonString(input, utf8.decode(bytes));
  } catch (problem) {
    throw unreadable(problem);
  }
}

/** Strict: bytes that are no UTF-8 must not silently become other text. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

function messageBytes({ method, url }: Request, body: Uint8Array, { framing }: Wire): Uint8Array {
  if (framing !== "plain") return openEnvelope(body);
  if (method === "POST") return body;
  const query = new URL(url).searchParams;
  const message = query.get("message") ?? "";
  return query.get("base64") === "1" ? base64Decode(message) : new TextEncoder().encode(message);
}

/** Flags, one byte, and the length of what follows, four. */
const HEAD_BYTES = 5;

/**
 * What is in the body's one envelope. Nothing may follow it, and no flag be set: compressed is not offered, and a client
 * has no trailers. The length is compared and not believed: it may say 4 GiB.
 */
function openEnvelope(body: Uint8Array): Uint8Array {
  const length = body.length - HEAD_BYTES;
  const isWhole = length >= 0 && new DataView(body.buffer, body.byteOffset).getUint32(1) === length;
  if (!isWhole || body[0] !== 0) throw new Error("not one envelope");
  return body.subarray(HEAD_BYTES);
}
