import type { Server } from "node:http";

/** Node's own limits on an HTTP/1.1 connection: what a slow or endless client can hold. */
export const HTTP1_LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 2_000,
  /** Longer than a balancer keeps an idle connection (60 s is usual): the side that closes first loses no request. */
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
} as const;

/** More than a balancer or a few thousand clients need; each costs some 20 KB, so this is 200 MB at the worst. */
export const MAX_CONNECTIONS = 10_000;
/** A connection that never ends would never come to another instance. */
const MAX_REQUESTS_PER_CONNECTION = 10_000;

/** Bounds how many connections a server takes, and how long each is of use. What is beyond is closed at once. */
export function limitConnections(server: Server): void {
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
}
