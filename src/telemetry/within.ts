/**
 * Waits for at most so long, then rejects. The work itself goes on, and its own failure after that is nobody's: it must
 * not end a process as an unhandled rejection.
 */
export function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => reject(new Error(`not done within ${ms} ms`)), ms);
  work.then(resolve, reject).finally(() => clearTimeout(timer));
  return promise;
}
