import { GatewayError } from "../errors.ts";

/** Two tabs and a phone, twice. HTTP/1.1 browsers have six connections to a host, and streams hold theirs. */
export const MAX_STREAMS_PER_USER = 6;

/** Who has how many streams of events open, on this process. */
export interface OpenStreams {
  /**
   * Answers what to call at the stream's end. Throws RATE_LIMIT_EXCEEDED where the user has as many as one may have. A
   * stream is over at `untilMs`, whatever has become of it: where workerd stops a request in its tracks, nothing that was
   * to be done at its end is done.
   */
  enter(userId: string, untilMs: number): () => void;
}

/** A user without a stream takes no memory; one with streams has a connection for each. */
export function createOpenStreams(now: () => number): OpenStreams {
  const byUser = new Map<string, Set<{ readonly untilMs: number }>>();

  return {
    enter(userId, untilMs) {
      const streams = byUser.get(userId) ?? new Set();
      const nowMs = now();
      for (const stream of streams) if (stream.untilMs <= nowMs) streams.delete(stream);
      if (streams.size >= MAX_STREAMS_PER_USER) {
        const firstEndMs = Math.min(...[...streams].map((stream) => stream.untilMs));
        throw new GatewayError("RATE_LIMIT_EXCEEDED", `You have ${streams.size} streams open: close one first.`, {
          retryAfterSeconds: Math.max(1, Math.ceil((firstEndMs - nowMs) / 1000)),
        });
      }
      const stream = { untilMs };
      byUser.set(userId, streams.add(stream));
      return () => {
        streams.delete(stream);
        if (streams.size === 0 && byUser.get(userId) === streams) byUser.delete(userId);
      };
    },
  };
}
