import { Code } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { EnvelopeReader } from "#src/node/grpc/envelope.ts";

const MAX_BYTES = 50;

function read(chunks: readonly Uint8Array[]): { messages: number[][]; error?: unknown } {
  const messages: number[][] = [];
  const reader = new EnvelopeReader(MAX_BYTES, (message) => messages.push([...message]));
  try {
    for (const chunk of chunks) reader.push(chunk);
    reader.end();
    return { messages };
  } catch (error) {
    return { messages, error };
  }
}

const someMessages = fc.array(fc.uint8Array({ maxLength: MAX_BYTES }), { maxLength: 4 });
const cuts = fc.array(fc.nat(250), { maxLength: 20 });

/** The bytes in pieces, some of them empty. */
function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [0, ...cuts, bytes.byteLength].map((end) => Math.min(end, bytes.byteLength)).sort((a, b) => a - b);
  return ends.slice(1).map((end, n) => bytes.subarray(ends[n], end));
}

test("messages come out as they went in, however the bytes fall into pieces", () => {
  fc.assert(
    fc.property(someMessages, cuts, (messages, cuts) => {
      const bytes = Buffer.concat(messages.map((message) => encodeEnvelope(0, message)));
      expect(read(cut(bytes, cuts))).toEqual({ messages: messages.map((message) => [...message]) });
    }),
  );
});

test("a message is a copy: the pieces that it came in may be used again", () => {
  const seen: Uint8Array[] = [];
  const reader = new EnvelopeReader(MAX_BYTES, (message) => seen.push(message));
  const whole = encodeEnvelope(0, Buffer.from("abc"));
  reader.push(whole);
  const piece = Buffer.alloc(1);
  for (const byte of whole) {
    piece[0] = byte;
    reader.push(piece);
  }
  whole.fill(0);
  expect(seen.map((message) => Buffer.from(message).toString())).toEqual(["abc", "abc"]);
});

test("a message that would be too large is refused by its head, before a byte of it", () => {
  const head = Buffer.from([0, 0, 0, 0, MAX_BYTES + 1]);
  expect(read([head]).error).toMatchObject({ code: Code.ResourceExhausted });
  expect(read([encodeEnvelope(0, Buffer.alloc(MAX_BYTES))]).messages).toHaveLength(1);
});

test("what is cut short is none, but for a head alone", () => {
  const whole = encodeEnvelope(0, Buffer.from("abc"));
  for (const length of [1, 2, 3, 4, 6, 7]) {
    expect(read([whole.subarray(0, length)]).error, `${length} bytes`).toMatchObject({ code: Code.InvalidArgument });
  }
  expect(read([whole.subarray(0, 5)])).toEqual({ messages: [] });
});

test("no compressed message is handed on", () => {
  for (const message of ["abc", ""]) {
    const envelope = encodeEnvelope(0, Buffer.from(message));
    envelope[0] = 1;
    expect(read([envelope])).toMatchObject({ messages: [], error: { code: Code.Internal } });
  }
});
