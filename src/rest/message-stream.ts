/** How messages become bytes. */
export interface MessageEncoder<T> {
  /** A message after the first one. */
  next(message: T): Uint8Array;
  /** What follows the last message. */
  end(): Uint8Array;
  /** The last frame after an error; undefined where bytes cannot say it, and the answer is cut off instead. */
  failure(problem: object): Uint8Array | undefined;
}

/** Who hears of what happens to a stream. */
export interface StreamEvents {
  /** Called at most once, for an error after the first message: the place to log it, nobody else hears of it. */
  problemOf(error: unknown): { readonly body: object };
  /** Called when the client goes away: abort the rpc's signal here, so that a silent upstream is let go at once. */
  onCancel?(): void;
}

/**
 * A body that asks for a message when its reader asks for bytes: nothing is read ahead, so a slow client slows the
 * upstream down. When the client goes away, `onCancel` is called and the iterator returned; its end is not waited for,
 * since an async generator that awaits its own upstream comes to its end only when that one speaks or is aborted.
 */
export function streamMessages<T>(
  iterator: AsyncIterator<T>,
  firstChunk: Uint8Array,
  encoder: MessageEncoder<T>,
  events: StreamEvents,
): ReadableStream<Uint8Array> {
  let chunk = firstChunk;
  let cancelled = false;

  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    try {
      // A pull that brings no bytes would not be repeated.
      while (chunk.length === 0) {
        const result = await iterator.next();
        if (cancelled) return;
        if (result.done) return finish(controller, encoder.end());
        chunk = encoder.next(result.value);
      }
      controller.enqueue(chunk);
      chunk = NOTHING;
    } catch (error) {
      if (cancelled) return;
      release(iterator);
      const failure = encoder.failure(events.problemOf(error).body);
      // A server may print this error to the client (node-server does), so it says nothing of the real one.
      if (failure === undefined) controller.error(new Error("The answer broke off."));
      else finish(controller, failure);
    }
  };

  const cancel = (): void => {
    cancelled = true;
    events.onCancel?.();
    release(iterator);
  };

  return new ReadableStream({ pull, cancel }, { highWaterMark: 0 });
}

/** Ends an iterator before its end. What fails in that has no reader any more. */
export function release(iterator: AsyncIterator<unknown>): void {
  iterator.return?.().catch(() => {});
}

const NOTHING = new Uint8Array();

function finish(controller: ReadableStreamDefaultController<Uint8Array>, bytes: Uint8Array): void {
  if (bytes.length > 0) controller.enqueue(bytes);
  controller.close();
}
