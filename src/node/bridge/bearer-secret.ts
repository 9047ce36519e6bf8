import type { IncomingMessage } from "node:http";
import { timingSafeEqual } from "../../identity/timing-safe-equal.ts";

/** Whether the request shows the secret: `Authorization: Bearer …`, the header that tools know to keep out of logs. */
export function showsSecret(request: IncomingMessage, secret: string): boolean {
  const offered = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  return offered !== undefined && timingSafeEqual(offered, secret);
}
