/** All that a service is told besides the request and the deadline. Nothing else that a caller sends arrives. */
const ALLOWED = ["x-user-id", "x-user-role", "x-request-id", "traceparent"];

/** What of a caller's headers goes on to the service. */
export function forwardedMetadata(header: Headers): Headers {
  const forwarded = new Headers();
  for (const name of ALLOWED) {
    const value = header.get(name);
    if (value !== null) forwarded.set(name, value);
  }
  return forwarded;
}
