import { Code, ConnectError } from "@connectrpc/connect";

/** More than any answer of the platform, as on Node; a service that sends more is broken or hostile. */
const READ_MAX_BYTES = 16 * 1_048_576;

/** One message of an answer that is made of several: a byte of flags, four of length, and so many bytes. */
export interface Envelope {
  readonly flags: number;
  readonly data: Uint8Array;
}

const ENVELOPE_HEAD_BYTES = 5;

/** Reads a body as one. Rejects where it is longer than READ_MAX_BYTES, and then reads no further. */
export async function readWhole(answer: Response): Promise<Uint8Array> {
  const { body, headers } = answer;
  const length = headers.get("content-length");
  // What is announced cannot be longer, unless it is compressed.
  if (length !== null && Number(length) <= READ_MAX_BYTES && !headers.has("content-encoding")) {
    return new Uint8Array(await answer.arrayBuffer());
  }
  const bytes = new ByteQueue();
  for await (const chunk of body ?? []) {
    bytes.push(chunk);
    if (bytes.length > READ_MAX_BYTES) throw tooLarge();
  }
  return bytes.take(bytes.length)!;
}

/**
 * Reads a body envelope by envelope; whoever leaves early ends it. It may be long: READ_MAX_BYTES bounds each envelope.
 * Room is made for what has come and not for what an envelope promises, as Connect's own reader does: the first bytes of
 * a web page promise 1.6 GiB, and an isolate ends at 128 MiB, with all its requests.
 */
export async function* readEnvelopes(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Envelope, void> {
  const bytes = new ByteQueue();
  let head: DataView | undefined;
  for await (const chunk of body ?? []) {
    bytes.push(chunk);
    for (;;) {
      head ??= viewOf(bytes.take(ENVELOPE_HEAD_BYTES));
      if (head === undefined) break;
      const length = head.getUint32(1);
      if (length > READ_MAX_BYTES) throw tooLarge();
      const data = bytes.take(length);
      if (data === undefined) break;
      yield { flags: head.getUint8(0), data };
      head = undefined;
    }
  }
  if (head !== undefined || bytes.length > 0) {
    throw new ConnectError("an envelope promises more than came", Code.Internal);
  }
}

/** Bytes as they come, in pieces, and as they are wanted. */
class ByteQueue {
  #chunks: Uint8Array[] = [];
  length = 0;

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.length += chunk.byteLength;
  }

  /** The next so many; undefined while there are fewer. */
  take(count: number): Uint8Array | undefined {
    if (count > this.length) return undefined;
    const taken = new Uint8Array(count);
    let at = 0;
    while (at < count) {
      const chunk = this.#chunks[0]!;
      const part = chunk.subarray(0, count - at);
      taken.set(part, at);
      at += part.byteLength;
      if (part.byteLength === chunk.byteLength) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.byteLength);
    }
    this.length -= count;
    return taken;
  }
}

function viewOf(bytes: Uint8Array | undefined): DataView | undefined {
  return bytes && new DataView(bytes.buffer);
}

function tooLarge(): ConnectError {
  return new ConnectError(`the answer is larger than ${READ_MAX_BYTES} bytes`, Code.ResourceExhausted);
}
