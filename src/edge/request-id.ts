/** What a client may name its request: safe in a header, a log line and a metadata value. */
const ACCEPTED = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** The request's id: the client's own from X-Request-Id where it is fit to be repeated, else a new one. */
export function requestIdOf(headers: Headers): string {
  const offered = headers.get("x-request-id");
  return offered !== null && ACCEPTED.test(offered) ? offered : crypto.randomUUID();
}
