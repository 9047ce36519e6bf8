/**
 * The sliding window that every limiter here counts by, the one that @upstash/ratelimit has too. Time is cut into windows by the
 * clock; a subject has what it used in this window, and of the one before a part, the smaller the further this window
 * has come:
 *
 *     used = floor(previous · (1 − elapsed)) + current
 *
 * It costs two numbers a subject. Its error: the requests of the window before count as if they had come evenly. So no
 * window of the clock ever has more than the quota; any other stretch of that length has at most twice as much, and that
 * only when all came in the last moment of one window and then again as fast as the next lets them. The road not taken
 * is a list of every request's time: exact, and as long as the quota for every subject.
 */
export interface WindowPosition {
  /** Which window it is, counted from the epoch. */
  readonly index: number;
  /** The part of it that is over: from 0, below 1. */
  readonly elapsed: number;
  /** How long it lasts yet, in milliseconds: above 0. */
  readonly resetInMs: number;
}

export function windowAt(nowMs: number, windowMs: number): WindowPosition {
  const index = Math.floor(nowMs / windowMs);
  const sinceStartMs = nowMs - index * windowMs;
  return { index, elapsed: sinceStartMs / windowMs, resetInMs: windowMs - sinceStartMs };
}

/**
 * After how many whole seconds somebody who is over the limit gets through again, unless others use the quota up
 * meanwhile. The window's end is not enough: at its first moment the whole of it still counts as previous. A millisecond
 * later one is free.
 */
export function retryAfterSeconds(resetInMs: number): number {
  return Math.ceil((resetInMs + 1) / 1000);
}
