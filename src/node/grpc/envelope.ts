import { Code, ConnectError } from "@connectrpc/connect";

/** Flags, one byte, and the message's length, four: what stands before every message of gRPC. */
const HEAD_BYTES = 5;
const COMPRESSED = 1;
const EMPTY = Buffer.alloc(0);

/**
 * Takes messages out of their envelopes as the bytes come in, and says what Connect says of those that are none. A length
 * is believed only as far as its bytes have come: at most as much again is set aside for what may never follow, and a
 * message that would be too large is refused by its head.
 */
export class EnvelopeReader {
  readonly #readMaxBytes: number;
  readonly #onMessage: (message: Uint8Array) => void;
  /** Room for the head, or for the message, whichever is under way, and how much of it has come. */
  #bytes = EMPTY;
  #received = 0;
  /** The flags of the message under way; undefined while its head is. */
  #flags: number | undefined;
  #length = HEAD_BYTES;

  constructor(readMaxBytes: number, onMessage: (message: Uint8Array) => void) {
    this.#readMaxBytes = readMaxBytes;
    this.#onMessage = onMessage;
  }

  /** Throws a ConnectError where the bytes cannot be an answer, and whatever `onMessage` throws. */
  push(chunk: Uint8Array): void {
    for (let rest = chunk; rest.byteLength > 0; ) {
      const piece = rest.subarray(0, this.#length - this.#received);
      rest = rest.subarray(piece.byteLength);
      this.#keep(piece);
      if (this.#received < this.#length) return;
      if (this.#flags === undefined) this.#readHead(this.#take());
      else this.#finish(this.#flags, this.#take());
    }
  }

  /** To be called when no more will come. */
  end(): void {
    // A head without a byte of its message is no message at all, by Connect's reading: the status decides.
    if (this.#received > 0) throw new ConnectError("protocol error: incomplete envelope", Code.InvalidArgument);
  }

  /**
   * Copies: the piece lies in what was read from the socket, other calls' answers included, and a message that keeps a
   * slice of its bytes (a field of bytes, or one that we do not know) would keep all of that. And a service that sends a
   * byte a frame must not have an object for each.
   */
  #keep(piece: Uint8Array): void {
    const received = this.#received + piece.byteLength;
    if (received > this.#bytes.byteLength) {
      const room = Buffer.allocUnsafe(Math.min(this.#length, Math.max(received, 2 * this.#bytes.byteLength)));
      room.set(this.#bytes.subarray(0, this.#received));
      this.#bytes = room;
    }
    this.#bytes.set(piece, this.#received);
    this.#received = received;
  }

  #take(): Buffer {
    const whole = this.#bytes;
    this.#bytes = EMPTY;
    this.#received = 0;
    return whole;
  }

  #readHead(head: Buffer): void {
    const flags = head.readUInt8(0);
    const length = head.readUInt32BE(1);
    if (length > this.#readMaxBytes) {
      throw new ConnectError(
        `message size ${length} is larger than configured readMaxBytes ${this.#readMaxBytes}`,
        Code.ResourceExhausted,
      );
    }
    if (length === 0) {
      this.#finish(flags, EMPTY);
    } else {
      this.#flags = flags;
      this.#length = length;
    }
  }

  #finish(flags: number, message: Uint8Array): void {
    this.#flags = undefined;
    this.#length = HEAD_BYTES;
    // Of the flags' eight bits gRPC defines this one, and Connect reads no other.
    if ((flags & COMPRESSED) !== 0) {
      throw new ConnectError("received compressed envelope, but do not know how to decompress", Code.Internal);
    }
    this.#onMessage(message);
  }
}
