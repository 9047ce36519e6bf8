import type { IncomingMessage } from "node:http";

/** Longer than any request id that the gateway makes or takes over. */
const MAX_LENGTH = 128;

/** The gateway's id of the request that a call serves, for the log. */
export function requestIdOf({ headers }: IncomingMessage): string | undefined {
  const id = headers["x-request-id"];
  return typeof id === "string" ? id.slice(0, MAX_LENGTH) : undefined;
}
