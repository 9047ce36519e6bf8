const FLAGS_NOT_SAMPLED = "00";

/**
 * A new W3C `traceparent` (version 00) for the calls that one request makes. A client's own is not continued: what
 * reaches a service is the gateway's, and a stranger must not be able to write into somebody's trace.
 */
export function newTraceparent(): string {
  const traceId = crypto.randomUUID().replaceAll("-", "");
  const spanId = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  return `00-${traceId}-${spanId}-${FLAGS_NOT_SAMPLED}`;
}
