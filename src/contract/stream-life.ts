/**
 * How long a stream of events lasts at most. As long as a token counts that the store of revocations could not be asked
 * about (contract, section 7): a signed-out caller hears no more for no longer than they could do more.
 */
export const LONGEST_STREAM_MS = 15 * 60_000;

/**
 * An answer that has nothing to say for so long begins nevertheless: its reader knows that it listens, and a proxy that
 * gives up on silent answers sees a head. What refuses a stream does so sooner, and has a status for it.
 */
export const SILENT_HEAD_MS = 1_000;

/** What comes of it, or undefined where nothing does for so long. The work goes on. */
export function settledWithin<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms, undefined);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
