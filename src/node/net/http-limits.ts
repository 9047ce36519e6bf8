/** Node's own limits on an HTTP/1.1 connection: what a slow or endless client can hold. */
export const HTTP1_LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 2_000,
  /** Longer than a balancer keeps an idle connection (60 s is usual): the side that closes first loses no request. */
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
} as const;
