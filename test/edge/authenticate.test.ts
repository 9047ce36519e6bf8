import { beforeAll, describe, expect, test } from "vitest";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { createAuthenticate, revokedTokenError } from "#src/edge/authenticate.ts";
import { GatewayError } from "#src/errors.ts";
import { type AccessTokens, createAccessTokens } from "#src/identity/access-token.ts";
import { refusalOf } from "./refusal.ts";

const now = () => Date.UTC(2030, 0, 1);

let accessTokens: AccessTokens;
let token: string;

beforeAll(async () => {
  accessTokens = await createAccessTokens({
    secret: "kX7-fake-but-random-looking-bytes-0f9a2c",
    issuer: "devmatch-gateway",
    audience: "devmatch",
    lifetimeSeconds: 60,
    now,
  });
  token = await accessTokens.mint({ userId: "user-1", role: Role.CLIENT, sessionId: "session-1" });
});

/** `@` stands for a good token. */
function headersWith(...values: readonly string[]): Headers {
  const headers = new Headers();
  for (const value of values) headers.append("Authorization", value.replaceAll("@", token));
  return headers;
}

const NO_CREDENTIALS = { code: "AUTHENTICATION_FAILED", challenge: 'Bearer realm="devmatch"' };
const BAD_CREDENTIALS = { code: "AUTHENTICATION_FAILED", challenge: 'Bearer realm="devmatch", error="invalid_token"' };

describe("a good token is a caller", () => {
  test.each([
    ["Bearer @", "as RFC 6750 writes it"],
    ["bearer @", "the scheme's letter case does not matter"],
    ["BEARER @", "in no way"],
    ["Bearer    @", "one or more spaces"],
    ["  Bearer @  ", "white space around a header's value is none of it"],
  ])("%j: %s", async (value) => {
    const authenticate = createAuthenticate(accessTokens);
    expect(await authenticate(headersWith(value))).toMatchObject({ userId: "user-1", role: Role.CLIENT });
  });
});

describe("anything else is refused", () => {
  test("no header has no error code (RFC 6750, section 3.1)", async () => {
    const authenticate = createAuthenticate(accessTokens);
    expect(await refusalOf(() => authenticate(new Headers()))).toEqual(NO_CREDENTIALS);
  });

  test.each([
    [["@"], "no scheme"],
    [["Basic @"], "another scheme, although the token is good"],
    [["Token @"], "a scheme that others take for Bearer"],
    [["DPoP @"], "a scheme that would need a proof"],
    [["BearerX @"], "a scheme that begins alike"],
    [["Bearer@"], "no space"],
    [["Bearer\t@"], "a tab is no space"],
    [["Bearer"], "no token"],
    [["Bearer "], "no token after the space"],
    [[""], "an empty header"],
    [["Bearer @ @"], "two tokens"],
    [["Bearer @,"], "a list"],
    [["Bearer @", "Bearer @"], "two headers"],
    [["Basic eDp5", "Bearer @"], "two headers, the second good"],
    [["Bearer @", "Basic eDp5"], "two headers, the first good"],
    [['Bearer token="@"'], "a parameter"],
    [["Bearer nonsense"], "no token of ours"],
    [["Bearer @x"], "a token with something behind"],
    [["Bearer null"], "what scripts send that have none"],
    [["Bearer undefined"], "or that"],
  ])("%j: %s", async (values) => {
    const authenticate = createAuthenticate(accessTokens);
    expect(await refusalOf(() => authenticate(headersWith(...values)))).toEqual(BAD_CREDENTIALS);
  });

  test("a client is not told which check failed, and the log is", async () => {
    const authenticate = createAuthenticate(accessTokens);
    const refused = await Promise.all(
      ["Basic x", "Bearer nonsense"].map((value) =>
        authenticate(headersWith(value)).then(
          () => undefined,
          (error: unknown) => error,
        ),
      ),
    );
    // What the guard says of a token that was good once.
    const errors = [...refused, revokedTokenError()];
    for (const error of errors) expect(error).toBeInstanceOf(GatewayError);
    const asErrors = errors as GatewayError[];
    expect(new Set(asErrors.map(({ message }) => message)).size).toBe(1);
    expect(new Set(asErrors.map(({ headers }) => JSON.stringify(headers))).size).toBe(1);
    expect(asErrors.map(({ cause }) => (cause as Error).message)).toEqual([
      "access token: not a bearer token",
      "access token: malformed",
      "access token: revoked",
    ]);
  });

  test("a header of 15 000 spaces and no end is refused as fast as any", async () => {
    const authenticate = createAuthenticate(accessTokens);
    const value = `Bearer ${" ".repeat(15_000)}x,`;
    expect(await refusalOf(() => authenticate(headersWith(value)))).toEqual(BAD_CREDENTIALS);
  });
});
