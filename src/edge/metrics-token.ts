import { authenticationError } from "../errors.ts";
import { timingSafeEqual } from "../identity/timing-safe-equal.ts";

/** Throws AUTHENTICATION_FAILED unless the request carries the configured token, where one is configured. */
export function demandMetricsToken(headers: Headers, token: string | undefined): void {
  if (token === undefined) return;
  const offered = /^bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (offered === undefined) throw authenticationError("This needs the metrics token: Authorization: Bearer …");
  if (!timingSafeEqual(offered, token)) throw authenticationError("The metrics token is wrong.", "invalid_token");
}
