import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { getAbortSignalReason } from "@connectrpc/connect/protocol";
import type { Http2SessionManager } from "@connectrpc/connect-node";
import { EnvelopeReader } from "./envelope.ts";
import { checkEnd, checkHead } from "./status.ts";
import { connectionError, resetError } from "./stream-errors.ts";
import type { AnswerHeaders } from "./web-headers.ts";

/** Where streams come from. */
export type Sessions = Pick<Http2SessionManager, "request" | "notifyResponseByteRead">;

export interface UnaryCallOptions {
  readonly sessions: Sessions;
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  /** The request in its envelope: in one piece, so that it leaves in one frame. */
  readonly body: Uint8Array;
  /** Throws a ConnectError for bytes that are no message. */
  readonly parse: (bytes: Uint8Array) => Message;
  readonly readMaxBytes: number;
  /** Undefined: no limit. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** All of a good answer. */
export interface Answered {
  readonly message: Message;
  readonly headers: AnswerHeaders;
  readonly trailers: IncomingHttpHeaders;
}

/** Makes one call. Rejects with a ConnectError. */
export function callUnary(options: UnaryCallOptions): Promise<Answered> {
  return new Promise((resolve, reject) => new UnaryCall(options, resolve, reject).start());
}

const NO_TRAILERS: IncomingHttpHeaders = {};

/**
 * One call, from its first frame to its end. The end comes once: with the answer, with an error of the stream or of what
 * came on it, at the deadline, or by the caller's signal. From then on there is no timer and no listener on the signal,
 * and a stream that is not through is told to stop.
 */
class UnaryCall {
  readonly #options: UnaryCallOptions;
  readonly #resolve: (answered: Answered) => void;
  readonly #reject: (error: ConnectError) => void;
  readonly #reader: EnvelopeReader;
  #timer: NodeJS.Timeout | undefined;
  #stream: ClientHttp2Stream | undefined;
  #headers: AnswerHeaders | undefined;
  #message: Message | undefined;
  #trailers = NO_TRAILERS;
  #isOver = false;

  constructor(options: UnaryCallOptions, resolve: (answered: Answered) => void, reject: (error: ConnectError) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#reader = new EnvelopeReader(options.readMaxBytes, (bytes) => this.#takeMessage(bytes));
  }

  start(): void {
    const { sessions, path, headers, timeoutMs, signal } = this.#options;
    if (signal?.aborted) {
      this.#onAbort();
      return;
    }
    signal?.addEventListener("abort", this.#onAbort);
    if (timeoutMs !== undefined) this.#timer = setTimeout(this.#onDeadline, timeoutMs);
    sessions.request("POST", path, headers, {}).then(
      (stream) => this.#onStream(stream),
      (reason) => this.#fail(connectionError(reason)),
    );
  }

  #onStream(stream: ClientHttp2Stream): void {
    // First, and for as long as there is a stream: an error that nobody listens to would end the process.
    stream.on("error", (reason) => this.#fail(connectionError(reason)));
    if (this.#isOver) {
      stop(stream);
      return;
    }
    this.#stream = stream;
    stream.on("response", this.#onResponse);
    stream.on("data", this.#onData);
    stream.on("trailers", (trailers) => {
      this.#trailers = trailers;
    });
    stream.on("end", this.#onEnd);
    stream.on("close", this.#onClose);
    stream.end(this.#options.body);
  }

  readonly #onResponse = (headers: AnswerHeaders): void => {
    this.#headers = headers;
    try {
      checkHead(headers);
    } catch (reason) {
      this.#fail(reason);
    }
  };

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isOver) return;
    // Whoever answers need not be asked by PING whether it is there.
    this.#options.sessions.notifyResponseByteRead(this.#stream!);
    try {
      this.#reader.push(chunk);
    } catch (reason) {
      this.#fail(reason);
    }
  };

  #takeMessage(bytes: Uint8Array): void {
    const message = this.#options.parse(bytes);
    if (this.#message !== undefined) {
      const text = "protocol error: received extra output message for unary method";
      throw new ConnectError(text, Code.Unimplemented);
    }
    this.#message = message;
  }

  readonly #onEnd = (): void => {
    const headers = this.#headers;
    // A stream that breaks ends as well. How it broke is in the error or the close that follow.
    const isWhole = headers !== undefined && this.#stream!.rstCode === constants.NGHTTP2_NO_ERROR;
    if (this.#isOver || !isWhole) return;
    const message = this.#message;
    try {
      this.#reader.end();
      checkEnd(headers, this.#trailers, message !== undefined);
    } catch (reason) {
      this.#fail(reason);
      return;
    }
    this.#finish();
    this.#resolve({ message: message!, headers, trailers: this.#trailers });
  };

  readonly #onClose = (): void => {
    // Good calls come by here as well, and an error with its stack costs more than all else of ours.
    if (!this.#isOver) this.#fail(resetError(this.#stream!.rstCode ?? constants.NGHTTP2_NO_ERROR));
  };

  readonly #onDeadline = (): void => {
    this.#fail(new ConnectError("the operation timed out", Code.DeadlineExceeded));
  };

  readonly #onAbort = (): void => {
    this.#fail(ConnectError.from(getAbortSignalReason(this.#options.signal!), Code.Canceled));
  };

  #fail(reason: unknown): void {
    if (this.#isOver) return;
    this.#finish();
    this.#reject(ConnectError.from(reason));
  }

  #finish(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    if (this.#stream !== undefined) stop(this.#stream);
  }
}

/** CANCEL: we want no more of it. Not for a stream that has both its ends, which would only be told what it knows. */
function stop(stream: ClientHttp2Stream): void {
  if (stream.closed || (stream.readableEnded && stream.writableFinished)) return;
  stream.close(constants.NGHTTP2_CANCEL);
}
