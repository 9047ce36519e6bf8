import type { Caller } from "../context.ts";
import { authenticationError, type GatewayError } from "../errors.ts";
import type { AccessTokens } from "../identity/access-token.ts";

/** Who a request is from. Throws AUTHENTICATION_FAILED; which check failed is for the log only. */
export type Authenticate = (headers: Headers) => Promise<Caller>;

/** RFC 6750, section 2.1; the scheme's letter case does not matter (RFC 9110, section 11.1). */
const BEARER = /^bearer +([^\s,]+)$/i;

/** Makes the step that turns `Authorization: Bearer …` into a caller. Whether it has been revoked, the guard asks. */
export function createAuthenticate(accessTokens: Pick<AccessTokens, "verify">): Authenticate {
  return async (headers) => {
    const header = headers.get("authorization");
    if (header === null) throw authenticationError("This needs an access token: Authorization: Bearer …");
    const token = BEARER.exec(header)?.[1];
    if (token === undefined) throw invalid("not a bearer token");
    const verified = await accessTokens.verify(token);
    if (!verified.ok) throw invalid(verified.problem);
    return verified.caller;
  };
}

/** Refuses a token that was good once. A client is told no more than of any other. */
export function revokedTokenError(): GatewayError {
  return invalid("revoked");
}

function invalid(reason: string) {
  return authenticationError("The access token is not valid.", "invalid_token", new Error(`access token: ${reason}`));
}
