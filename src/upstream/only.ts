/** The stream of one message that Connect's transports take where a call has one request. */
export async function* only<T>(message: T): AsyncGenerator<T, void> {
  yield message;
}
