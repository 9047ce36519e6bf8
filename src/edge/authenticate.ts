import type { Caller } from "../context.ts";
import { authenticationError } from "../errors.ts";
import type { AccessTokens } from "../identity/access-token.ts";
import type { SessionStore } from "../identity/session-store.ts";

/** Who a request is from. Throws AUTHENTICATION_FAILED; which check failed is for the log only. */
export type Authenticate = (headers: Headers) => Promise<Caller>;

/** RFC 6750, section 2.1; the scheme's letter case does not matter (RFC 9110, section 11.1). */
const BEARER = /^bearer +([^\s,]+)$/i;

/** Makes the step that turns `Authorization: Bearer …` into a caller. */
export function createAuthenticate(accessTokens: AccessTokens, sessions: SessionStore): Authenticate {
  return async (headers) => {
    const header = headers.get("authorization");
    if (header === null) throw authenticationError("This needs an access token: Authorization: Bearer …");
    const token = BEARER.exec(header)?.[1];
    if (token === undefined) throw invalid("not a bearer token");
    const verified = await accessTokens.verify(token);
    if (!verified.ok) throw invalid(verified.problem);
    if (await sessions.isRevoked(verified.caller)) throw invalid("revoked");
    return verified.caller;
  };
}

function invalid(reason: string) {
  return authenticationError("The access token is not valid.", "invalid_token", new Error(`access token: ${reason}`));
}
