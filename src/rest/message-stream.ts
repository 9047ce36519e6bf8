import { settledWithin } from "../contract/stream-life.ts";

/** How messages become bytes. */
export interface MessageEncoder<T> {
  /** A message after the first one. */
  next(message: T): Uint8Array;
  /** What follows the last message. */
  end(): Uint8Array;
  /** The last frame after an error; undefined where bytes cannot say it, and the answer is cut off instead. */
  failure(problem: object): Uint8Array | undefined;
  /** What is sent while there is nothing to say; not for every format. */
  readonly heartbeat?: Uint8Array;
}

/** Who hears of what happens to a stream. */
export interface StreamEvents {
  /** Called at most once, for an error after the first message: the place to log it, nobody else hears of it. */
  problemOf(error: unknown): { readonly body: object };
  /** Called when nobody reads any more, or all is said: abort the rpc's signal here, so that a silent upstream is let go. */
  onEnd?(): void;
}

/** A stream's messages, of which the first may have been asked for already. */
export interface BegunMessages<T> {
  readonly iterator: AsyncIterator<T>;
  readonly asked?: Promise<IteratorResult<T>> | undefined;
}

/** Proxies give up on what is silent for a minute or half of one. */
export const HEARTBEAT_MS = 15_000;

/**
 * A body that asks for a message when its reader asks for bytes: nothing is read ahead, so a slow client slows the
 * upstream down. When the client goes away, `onEnd` is called and the iterator returned; its end is not waited for,
 * since an async generator that awaits its own upstream comes to its end only when that one speaks or is aborted.
 */
export function streamMessages<T>(
  { iterator, asked: askedBefore }: BegunMessages<T>,
  firstChunk: Uint8Array,
  encoder: MessageEncoder<T>,
  events: StreamEvents,
): ReadableStream<Uint8Array> {
  const { heartbeat } = encoder;
  let chunk = firstChunk;
  let asked = askedBefore;
  let cancelled = false;

  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const finish = (bytes: Uint8Array) => {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
      events.onEnd?.();
    };
    try {
      // A pull that brings no bytes would not be repeated.
      while (chunk.length === 0) {
        asked ??= iterator.next();
        const result = heartbeat === undefined ? await asked : await settledWithin(HEARTBEAT_MS, asked);
        if (cancelled) return;
        if (result === undefined) {
          controller.enqueue(heartbeat!);
          return;
        }
        asked = undefined;
        if (result.done) return finish(encoder.end());
        chunk = encoder.next(result.value);
      }
      controller.enqueue(chunk);
      chunk = NOTHING;
    } catch (error) {
      if (cancelled) return;
      release(iterator);
      const failure = encoder.failure(events.problemOf(error).body);
      // A server may print this error to the client (node-server does), so it says nothing of the real one.
      if (failure !== undefined) return finish(failure);
      controller.error(new Error("The answer broke off."));
      events.onEnd?.();
    }
  };

  const cancel = (): void => {
    cancelled = true;
    events.onEnd?.();
    release(iterator);
  };

  return new ReadableStream({ pull, cancel }, { highWaterMark: 0 });
}

/** Ends an iterator before its end. What fails in that has no reader any more. */
export function release(iterator: AsyncIterator<unknown>): void {
  iterator.return?.().catch(() => {});
}

const NOTHING = new Uint8Array();
