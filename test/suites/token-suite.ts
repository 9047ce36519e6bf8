import { beforeAll, describe, expect, test } from "vitest";
import { claims, forge, GOOD_HEADER, type JsonSource, part } from "../identity/forge.ts";
import { type CallOptions, call } from "../support/gateway-under-test.ts";
import { type Cast, callRoute, gatherCast, ROUTES_WITH_NEEDS } from "../support/routes-with-needs.ts";
import type { SuiteTarget } from "./suite-target.ts";

export interface TokenTarget extends SuiteTarget {
  /** The gateway's JWT_SECRET. */
  readonly secret: string;
}

/** What a row needs: the claims of a token that the client of the cast could have, and the secret. */
interface Forge {
  readonly cast: Cast;
  readonly secret: string;
  /** Claims that are good now, changed. */
  claims(changes?: Readonly<Record<string, unknown>>, without?: string): Record<string, unknown>;
  /** Signed with the gateway's own secret. */
  signed(claims: JsonSource, header?: JsonSource): Promise<string>;
}

type Row = readonly [what: string, options: (forge: Forge) => CallOptions | Promise<CallOptions>];

const OPEN_ROUTES = ROUTES_WITH_NEEDS.filter(({ number }) => number <= 3);
const GUARDED_ROUTES = ROUTES_WITH_NEEDS.filter(({ number }) => number > 3);
const FAR = 60 * 60 * 24 * 400;

const BAD: readonly Row[] = [
  ["none", () => ({})],
  ["garbage", () => ({ token: "garbage" })],
  ["three parts of garbage", () => ({ token: "e30.e30.e30" })],
  [
    "J-07: one that has expired",
    async (by) => ({ token: await by.signed(by.claims({ iat: now() - 7200, exp: now() - 3600 })) }),
  ],
  ["one with an unknown role", async (by) => ({ token: await by.signed(by.claims({ role: "SUPERUSER" })) })],
  [
    "one with a role that only looks like one",
    async (by) => ({ token: await by.signed(by.claims({ role: "admin" })) }),
  ],
  ["one with a list of roles", async (by) => ({ token: await by.signed(by.claims({ role: ["ADMIN"] })) })],
  ["one without a role", async (by) => ({ token: await by.signed(by.claims({}, "role")) })],
  ["J-07: one without a subject", async (by) => ({ token: await by.signed(by.claims({}, "sub")) })],
  ["J-06: one for another audience", async (by) => ({ token: await by.signed(by.claims({ aud: "somebody-else" })) })],
  ["J-06: one of another issuer", async (by) => ({ token: await by.signed(by.claims({ iss: "somebody-else" })) })],
  ["J-08: one of another type", async (by) => ({ token: await by.signed(by.claims(), { alg: "HS256", typ: "JWT" }) })],
  [
    "J-07: one that lives longer than any of ours",
    async (by) => ({ token: await by.signed(by.claims({ exp: now() + FAR })) }),
  ],
  ["J-07: one without an end", async (by) => ({ token: await by.signed(by.claims({}, "exp")) })],
  ["J-07: one without an id", async (by) => ({ token: await by.signed(by.claims({}, "jti")) })],
  ["J-07: one without a beginning", async (by) => ({ token: await by.signed(by.claims({}, "iat")) })],
  ["J-07: one whose end is text", async (by) => ({ token: await by.signed(by.claims({ exp: "2099-01-01" })) })],
  [
    "J-07: one that never ends, as jose has it",
    async (by) => ({ token: await by.signed(JSON.stringify(by.claims({ exp: 0 })).replace('"exp":0', '"exp":1e400')) }),
  ],
  ["J-07: one for later", async (by) => ({ token: await by.signed(by.claims({ nbf: now() + 600 })) })],
  ["J-07: one of tomorrow", async (by) => ({ token: await by.signed(by.claims({ iat: now() + 600 })) })],
  ["J-07: one whose subject is an object", async (by) => ({ token: await by.signed(by.claims({ sub: { id: 1 } })) })],
  [
    "J-07: one whose subject is two lines",
    async (by) => ({ token: await by.signed(by.claims({ sub: "a\r\nx-user-role: ADMIN" })) }),
  ],
  [
    "J-01: one of another algorithm under the same secret",
    async (by) => ({ token: await forge({ alg: "HS512", typ: "at+jwt" }, by.claims(), by.secret, "SHA-512") }),
  ],
  [
    "J-04: one with the id of a key",
    async (by) => ({ token: await by.signed(by.claims(), { ...GOOD_HEADER, kid: "1" }) }),
  ],
  [
    "J-03: one with a URL for its key",
    async (by) => ({ token: await by.signed(by.claims(), { ...GOOD_HEADER, jku: "http://127.0.0.1:9/keys" }) }),
  ],
  [
    "J-03: one with an extension that it calls critical",
    async (by) => ({ token: await by.signed(by.claims(), { ...GOOD_HEADER, crit: ["exp"] }) }),
  ],
  [
    "J-03: one signed with another secret, which it brings along",
    async (by) => {
      const own = "another-secret-of-32-bytes-or-more";
      return { token: await forge({ ...GOOD_HEADER, jwk: { kty: "oct", k: part(own) } }, by.claims(), own) };
    },
  ],
  [
    "J-02: one that is not signed",
    (by) => ({ token: `${part({ alg: "none", typ: "at+jwt" })}.${part(by.claims())}.` }),
  ],
  [
    "another's claims under a good signature",
    async (by) => {
      const [header, , mac] = by.cast.client.token.split(".");
      return { token: `${header}.${part(by.claims({ role: "ADMIN" }))}.${mac}` };
    },
  ],
  ["J-09: a refresh token", ({ cast }) => ({ token: cast.client.refreshToken })],
  [
    "J-21: a good one under another scheme",
    ({ cast }) => ({ headers: { authorization: `Basic ${cast.client.token}` } }),
  ],
  ["J-21: a good one without a scheme", ({ cast }) => ({ headers: { authorization: cast.client.token } })],
  [
    "J-21: two good ones",
    ({ cast }) => ({ headers: { authorization: `Bearer ${cast.client.token}, Bearer ${cast.client.token}` } }),
  ],
  [
    "J-21: a good one where none is looked for",
    ({ cast }) => ({ headers: { cookie: `access_token=${cast.client.token}`, "x-access-token": cast.client.token } }),
  ],
];

/** Who a caller is: a good token says so, and nothing else does. */
export function tokenSuite(target: () => TokenTarget): void {
  let by: Forge;
  beforeAll(async () => {
    const { url, secret } = target();
    const cast = await gatherCast(url);
    const good = { sub: cast.client.userId, role: "CLIENT", sid: crypto.randomUUID() };
    by = {
      cast,
      secret,
      claims: (changes, without) =>
        claims({ ...good, jti: crypto.randomUUID(), iat: now() - 10, exp: now() + 3600, ...changes }, without),
      signed: (content, header = GOOD_HEADER) => forge(header, content, secret),
    };
  });

  /** Every route's answer to a request that nothing else is wrong with. */
  const askAll = async (routes: typeof ROUTES_WITH_NEEDS, options: CallOptions) => {
    const rows = routes.map(async (route) => {
      // `token: undefined` takes the person's own token away.
      const answer = await callRoute(target().url, route, by.cast, { token: undefined, ...options });
      return [route.route, answer] as const;
    });
    return Promise.all(rows);
  };

  describe.each(BAD)("with %s for a token", (what, options) => {
    test("J-20: every route that asks who calls answers 401, and all with the same words", async () => {
      const answers = await askAll(GUARDED_ROUTES, await options(by));
      const statuses = Object.fromEntries(answers.map(([route, { status }]) => [route, status]));
      expect(statuses).toEqual(Object.fromEntries(GUARDED_ROUTES.map(({ route }) => [route, 401])));
      const none = what === "none" || what === "J-21: a good one where none is looked for";
      const challenge = none ? 'Bearer realm="devmatch"' : 'Bearer realm="devmatch", error="invalid_token"';
      for (const [, { headers, body }] of answers) {
        expect(body.code).toBe("AUTHENTICATION_FAILED");
        expect(body.request_id).toBe(headers.get("x-request-id"));
        expect(headers.get("content-type")).toBe("application/problem+json");
        expect(headers.get("www-authenticate")).toBe(challenge);
      }
      // Which check failed is nobody's business.
      const expected = none ? expect.any(String) : "The access token is not valid.";
      expect(new Set(answers.map(([, { body }]) => body.detail))).toEqual(new Set([expected]));
    });

    test("the routes for anyone do not look at it", async () => {
      const answers = await askAll(OPEN_ROUTES, await options(by));
      expect(answers.map(([, { status }]) => status)).toEqual(OPEN_ROUTES.map(({ status }) => status));
    });
  });

  describe("a good token is one", () => {
    const rows: readonly (readonly [what: string, headers: (by: Forge) => Promise<Record<string, string>>])[] = [
      ["under a scheme in lower case", async ({ cast }) => ({ authorization: `bearer ${cast.client.token}` })],
      [
        "under a scheme in upper case, two blanks before it",
        async ({ cast }) => ({ authorization: `BEARER  ${cast.client.token}` }),
      ],
      ["of a session that no store knows", async (by) => ({ authorization: `Bearer ${await by.signed(by.claims())}` })],
      ["of no session", async (by) => ({ authorization: `Bearer ${await by.signed(by.claims({}, "sid"))}` })],
      [
        "with claims that nobody knows",
        async (by) => ({ authorization: `Bearer ${await by.signed(by.claims({ admin: true, scope: "all" }))}` }),
      ],
    ];
    test.each(rows)("%s", async (_what, headers) => {
      const { url } = target();
      const answer = await call(url, "GET /api/v1/auth/me", { headers: await headers(by) });
      expect(answer).toMatchObject({ status: 200, body: { user_id: by.cast.client.userId } });
    });

    test("until its session ends, and not in any other session", async () => {
      const { url } = target();
      const { client } = by.cast;
      const body = { email: client.email, password: client.password };
      const other = (await call(url, "POST /api/v1/auth/login", { body })).body.access_token;
      expect((await call(url, "POST /api/v1/auth/logout", { token: other })).status).toBe(200);
      const after = await call(url, "GET /api/v1/auth/me", { token: other });
      expect(after.status).toBe(401);
      expect(after.headers.get("www-authenticate")).toContain('error="invalid_token"');
      expect((await call(url, "GET /api/v1/auth/me", { token: client.token })).status).toBe(200);
    });
  });

  test("J-09: an access token refreshes nothing", async () => {
    const { url } = target();
    for (const token of [by.cast.client.token, await by.signed(by.claims())]) {
      const answer = await call(url, "POST /api/v1/auth/refresh", { body: { refresh_token: token } });
      expect(answer).toMatchObject({ status: 401, body: { code: "AUTHENTICATION_FAILED" } });
    }
  });

  test("J-18: a token in the query is none, and is not repeated in the answer", async () => {
    const { token } = by.cast.client;
    const answer = await call(target().url, `GET /api/v1/auth/me?access_token=${token}`);
    expect(answer.status).toBe(401);
    expect(JSON.stringify([answer.body, [...answer.headers]])).not.toContain(token.split(".")[2]);
  });

  test("J-19: every answer with tokens says that nobody may keep it", async () => {
    const { url } = target();
    const { email, password } = by.cast.client;
    const login = await call(url, "POST /api/v1/auth/login", { body: { email, password } });
    const body = { refresh_token: login.body.refresh_token };
    const refresh = await call(url, "POST /api/v1/auth/refresh", { body });
    const register = await callRoute(url, OPEN_ROUTES[0]!, by.cast);
    for (const { status, headers } of [login, refresh, register]) {
      expect(status).toBeLessThan(300);
      expect(headers.get("cache-control")).toBe("no-store");
    }
  });

  test("J-20: who may not is told 403, and not to sign in again", async () => {
    const { url } = target();
    const answer = await call(url, "POST /api/v1/tasks", { token: by.cast.developer.token, body: {} });
    expect(answer).toMatchObject({ status: 403, body: { code: "ACCESS_DENIED" } });
    expect(answer.headers.get("www-authenticate")).toBeNull();
  });

  test.each([
    ["GET /api/v1/admin", 404],
    ["GET /api/v1/users", 404],
    ["GET /api/v1", 404],
    ["GET /", 404],
    ["PATCH /api/v1/auth/me", 405],
    ["DELETE /api/v1/auth/me", 405],
    ["POST /.well-known/jwks.json", 405],
  ])("J-23: %s is %i, with the best of tokens", async (request, status) => {
    const token = await by.signed(by.claims({ role: "ADMIN" }));
    expect((await call(target().url, request, { token })).status).toBe(status);
  });

  test("nothing that was refused has happened", async () => {
    const { url } = target();
    const { client, developer, newcomer, doomedTaskId, leaver } = by.cast;
    expect((await call(url, `GET /api/v1/tasks/${doomedTaskId}`, { token: client.token })).status).toBe(200);
    const profile = `GET /api/v1/users/developers/${newcomer.userId}`;
    expect((await call(url, profile, { token: client.token })).status).toBe(404);
    expect((await call(url, "GET /api/v1/auth/me", { token: leaver.token })).status).toBe(200);
    const tasks = await call(url, "GET /api/v1/tasks", { token: client.token });
    expect(tasks.body, "those of the cast").toHaveLength(4);
    const proposals = await call(url, "GET /api/v1/matching/proposals", { token: developer.token });
    expect(proposals.body.map(({ state }: { state: string }) => state)).toEqual(["PROPOSED", "PROPOSED"]);
  });
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
