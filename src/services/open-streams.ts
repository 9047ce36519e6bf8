/** Two tabs and a phone, twice. HTTP/1.1 browsers have six connections to a host, and streams hold theirs. */
export const MAX_STREAMS_PER_USER = 6;

/** A stream of events that is open. */
export interface OpenStream {
  readonly userId: string;
  /**
   * When it is over, whatever has become of it, in milliseconds since the epoch: where workerd stops a request in its
   * tracks, nothing that was to be done at its end is done.
   */
  readonly untilMs: number;
  /** Called when its user has opened too many since. */
  readonly crowdOut: () => void;
}

/** Who has which streams of events open, on this process. */
export interface OpenStreams {
  /** Answers what to call at the stream's end. */
  enter(stream: OpenStream): () => void;
}

/**
 * Nobody has more than a few: whoever opens one more ends the one that was opened first. To refuse the new one would be
 * the wrong way round. The old one may be of a phone that has lost its network, which nobody notices for minutes, and
 * the phone would wait for itself; and a browser that is refused does not come again.
 */
export function createOpenStreams(now: () => number): OpenStreams {
  const byUser = new Map<string, Set<OpenStream>>();
  /** In the order in which they were opened, which is about that of their ends. */
  const all = new Set<OpenStream>();

  const leave = (stream: OpenStream) => {
    all.delete(stream);
    const theirs = byUser.get(stream.userId);
    theirs?.delete(stream);
    if (theirs?.size === 0) byUser.delete(stream.userId);
  };

  const dropForgotten = () => {
    const nowMs = now();
    for (const stream of all) {
      if (stream.untilMs > nowMs) return;
      leave(stream);
    }
  };

  return {
    enter(stream) {
      dropForgotten();
      const theirs = byUser.get(stream.userId) ?? new Set();
      const [first] = theirs;
      if (first !== undefined && theirs.size >= MAX_STREAMS_PER_USER) {
        leave(first);
        first.crowdOut();
      }
      all.add(stream);
      byUser.set(stream.userId, theirs.add(stream));
      return () => leave(stream);
    },
  };
}
