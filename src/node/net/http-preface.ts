/** How a connection begins when HTTP/2 is spoken with prior knowledge (RFC 9113, section 3.4). */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** What a connection speaks. */
export type Protocol = "h2c" | "http/1.1";

/**
 * Tells by a connection's first bytes what it speaks; undefined while they could still become either. The first byte
 * that leaves the preface decides for HTTP/1.1, whose own parser then refuses what is no HTTP at all.
 */
export function protocolOf(bytes: Uint8Array): Protocol | undefined {
  const compared = Math.min(bytes.length, preface.length);
  if (!preface.subarray(0, compared).equals(bytes.subarray(0, compared))) return "http/1.1";
  return compared === preface.length ? "h2c" : undefined;
}
