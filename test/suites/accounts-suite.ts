import { beforeAll, describe, expect, test } from "vitest";
import { call, type Person, register } from "../support/gateway-under-test.ts";
import { ACCESS_DENIED, CONFLICT, expectRefusal, invalid, type Refusal, UNAUTHENTICATED } from "../support/problems.ts";
import { accountBody, ID, newDeveloper, newEmail, PASSWORD, TIME } from "../support/samples.ts";
import type { Target } from "./suite-target.ts";

const JWT = expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/);

/** Routes 1 to 5 and 11: accounts and their sessions. */
export function accountsSuite(target: Target): void {
  const url = () => target().url;
  const session = (user: object) => ({
    access_token: JWT,
    refresh_token: expect.stringMatching(/^\S{16,}$/),
    token_type: "bearer",
    expires_in: 86_400,
    user,
  });
  const login = async ({ email, password }: Person) => {
    const { status, body } = await call(url(), "POST /api/v1/auth/login", { body: { email, password } });
    expect(status).toBe(200);
    return { token: body.access_token as string, refreshToken: body.refresh_token as string };
  };
  const refresh = (refreshToken: string) =>
    call(url(), "POST /api/v1/auth/refresh", { body: { refresh_token: refreshToken } });
  const logout = (token: string, body?: object) => call(url(), "POST /api/v1/auth/logout", { token, body });

  describe("POST /api/v1/auth/register", () => {
    test.each([
      ["CLIENT", "someone who posts tasks"],
      ["DEVELOPER", "someone who takes them"],
    ])("answers 201 with a session for a new %s: %s", async (user_type) => {
      const sent = { ...accountBody(), user_type };
      const { status, headers, body } = await call(url(), "POST /api/v1/auth/register", { body: sent });

      expect(status).toBe(201);
      expect(headers.get("content-type")).toMatch(/^application\/json/);
      expect(headers.get("cache-control")).toBe("no-store");
      const { email, display_name } = sent;
      const user = { user_id: ID, email, display_name, user_type, email_verified: false };
      expect(body).toEqual(session({ ...user, created_at: TIME, updated_at: TIME }));
    });

    test("mints a token with the claims of section 3 and no others", async () => {
      const { body } = await call(url(), "POST /api/v1/auth/register", { body: accountBody() });
      const [header, claims] = body.access_token.split(".").slice(0, 2).map(decodePart);

      expect(header).toEqual({ alg: "HS256", typ: "at+jwt" });
      expect(claims).toEqual({
        iss: "devmatch-gateway",
        aud: "devmatch",
        sub: body.user.user_id,
        role: "CLIENT",
        sid: ID,
        jti: ID,
        iat: expect.any(Number),
        exp: claims.iat + 86_400,
      });
    });

    const KNOWN = { ...accountBody(), email: newEmail() };
    const refused: readonly (readonly [why: string, changes: object, refusal: Refusal])[] = [
      ["a known e-mail", {}, CONFLICT],
      ["a known e-mail in other letter case", { email: KNOWN.email.toUpperCase() }, CONFLICT],
      ["the type ADMIN", { email: newEmail(), user_type: "ADMIN" }, ACCESS_DENIED],
      ["the type ADMIN by its number", { email: newEmail(), user_type: 3 }, ACCESS_DENIED],
      ["the type ADMIN with a known e-mail, of which nothing is told", { user_type: "ADMIN" }, ACCESS_DENIED],
      ["the type ADMIN with bad input, which comes first", { email: "no", user_type: "ADMIN" }, invalid("email")],
    ];
    beforeAll(() => call(url(), "POST /api/v1/auth/register", { body: KNOWN }));
    test.each(refused)("refuses %s", async (_why, changes, refusal) => {
      await expectRefusal(url(), "POST /api/v1/auth/register", { body: { ...KNOWN, ...changes } }, refusal);
    });

    const accepted: readonly (readonly [why: string, changes: object])[] = [
      ["a password of 8 characters", { password: "Abcdefg1" }],
      ["a password of 128 characters", { password: `A1${"a".repeat(126)}` }],
      ["a password of 128 code points that are two units each", { password: `Aa1${"😀".repeat(125)}` }],
      ["a password with letters of another script", { password: "Пароль-12" }],
      ["a display name of 2 characters", { display_name: "Al" }],
      ["a display name of 255 code points", { display_name: "😀".repeat(255) }],
      ["an e-mail with a tag", { email: newEmail().replace("@", "+tag@") }],
    ];
    test.each(accepted)("accepts %s, and signs in with it", async (_why, changes) => {
      const body = { ...accountBody(), ...changes };
      expect((await call(url(), "POST /api/v1/auth/register", { body })).status).toBe(201);
      const { email, password } = body;
      const signedIn = await call(url(), "POST /api/v1/auth/login", { body: { email, password } });
      expect(signedIn.status).toBe(200);
      expect(signedIn.body.user.display_name).toBe(body.display_name);
    });
  });

  describe("POST /api/v1/auth/login", () => {
    test("J-16 answers 200 with a session of its own for the account", async () => {
      const person = await register(url(), "DEVELOPER");
      const credentials = { email: person.email, password: person.password };
      const { status, headers, body } = await call(url(), "POST /api/v1/auth/login", { body: credentials });

      expect(status).toBe(200);
      expect(headers.get("cache-control")).toBe("no-store");
      const user = { user_id: person.userId, email: person.email, display_name: expect.any(String) };
      const rest = { user_type: "DEVELOPER", email_verified: false, created_at: TIME, updated_at: TIME };
      expect(body).toEqual(session({ ...user, ...rest }));
      expect(body.refresh_token).not.toBe(person.refreshToken);
      expect((await me(url(), person.token)).status, "the older session goes on").toBe(200);
    });

    test("J-27 answers the same for a wrong password and for an address nobody has", async () => {
      const { email } = await register(url(), "CLIENT");
      const rows = [
        ["the wrong password", { email, password: "Wrong-horse-1" }],
        ["no such account", { email: newEmail(), password: PASSWORD }],
        ["a password that no rule would allow", { email, password: "x" }],
      ] as const;
      const details = new Set<string>();
      for (const [why, body] of rows) {
        const answer = await expectRefusal(url(), "POST /api/v1/auth/login", { body }, UNAUTHENTICATED, why);
        details.add(answer.body.detail);
      }
      expect(details.size).toBe(1);
    });
  });

  describe("POST /api/v1/auth/refresh", () => {
    test("answers 200 with the same user, the same session and new tokens", async () => {
      const person = await register(url(), "CLIENT");
      const { status, headers, body } = await refresh(person.refreshToken);

      expect(status).toBe(200);
      expect(headers.get("cache-control")).toBe("no-store");
      const account = (await me(url(), person.token)).body;
      expect(body).toEqual(session(account));
      expect(body.refresh_token).not.toBe(person.refreshToken);
      expect(decodePart(body.access_token.split(".")[1]).sid).toBe(decodePart(person.token.split(".")[1]!).sid);
      expect((await me(url(), body.access_token)).status).toBe(200);
      expect((await me(url(), person.token)).status, "the older access token lives until it expires").toBe(200);
    });

    test("used twice within the grace stays in the family: both answers go on", async () => {
      const { refreshToken } = await register(url(), "CLIENT");
      const first = (await refresh(refreshToken)).body;
      const second = (await refresh(refreshToken)).body;

      const sid = (answer: { access_token: string }) => decodePart(answer.access_token.split(".")[1]!).sid;
      expect(sid(second)).toBe(sid(first));
      for (const { access_token } of [first, second]) expect((await me(url(), access_token)).status).toBe(200);
      expect((await refresh(second.refresh_token)).status).toBe(200);
    });

    test("by ten tabs at once is answered to each, in one family", async () => {
      const { refreshToken } = await register(url(), "CLIENT");
      const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(refreshToken)));
      expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
      expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
    });

    // Used again after the grace it ends the family: that needs a clock, so session-store-suite.ts has it.

    test("refuses what is no refresh token of this gateway", async () => {
      const { refreshToken, token } = await register(url(), "CLIENT");
      const rows = [
        ["garbage", "garbage"],
        ["an access token", token],
        ["another generation than the signed one", refreshToken.replace(/\.1\./, ".2.")],
        ["a changed signature", `${refreshToken.slice(0, -2)}${refreshToken.endsWith("AA") ? "BB" : "AA"}`],
        ["something appended", `${refreshToken}A`],
      ] as const;
      for (const [why, refresh_token] of rows) {
        await expectRefusal(url(), "POST /api/v1/auth/refresh", { body: { refresh_token } }, UNAUTHENTICATED, why);
      }
      expect((await refresh(refreshToken)).status, "and nothing of it has harmed the session").toBe(200);
    });
  });

  describe("POST /api/v1/auth/logout", () => {
    /** Whether a session still works, by its access token and its refresh token. */
    const alive = async ({ token, refreshToken }: { token: string; refreshToken: string }) => ({
      access: (await me(url(), token)).status === 200,
      refresh: (await refresh(refreshToken)).status === 200,
    });
    const ALIVE = { access: true, refresh: true };
    const ENDED = { access: false, refresh: false };

    test("ends the session, its refresh family included, and no other one", async () => {
      const person = await register(url(), "CLIENT");
      const other = await login(person);
      const { status, headers, body } = await logout(person.token);

      expect({ status, body }).toEqual({ status: 200, body: { message: expect.stringMatching(/\S/) } });
      expect(headers.get("content-type")).toMatch(/^application\/json/);
      expect(await alive(person)).toEqual(ENDED);
      expect(await alive(other)).toEqual(ALIVE);
    });

    test("ends every access token of the session, also those from before a refresh", async () => {
      const person = await register(url(), "CLIENT");
      const later = (await refresh(person.refreshToken)).body;
      await logout(person.token);
      expect(await alive({ token: later.access_token, refreshToken: later.refresh_token })).toEqual(ENDED);
    });

    const bodies: readonly [
      why: string,
      refreshToken: (of: { own: Person; other: string; somebody: string }) => unknown,
      endsOther: boolean,
    ][] = [
      ["its own refresh token", ({ own }) => own.refreshToken, false],
      ["the refresh token of another session of the same user", ({ other }) => other, true],
      ["somebody else's refresh token", ({ somebody }) => somebody, false],
      ["garbage", () => "garbage", false],
      ["an empty refresh token", () => "", false],
      ["null, which is the same as none", () => null, false],
    ];
    test.each(bodies)("with %s answers 200 and ends what is the caller's", async (_why, refreshTokenOf, endsOther) => {
      const own = await register(url(), "CLIENT");
      const other = await login(own);
      const somebody = await register(url(), "CLIENT");
      const refresh_token = refreshTokenOf({ own, other: other.refreshToken, somebody: somebody.refreshToken });

      expect((await logout(own.token, { refresh_token })).status).toBe(200);
      expect(await alive(own)).toEqual(ENDED);
      expect(await alive(other)).toEqual(endsOther ? ENDED : ALIVE);
      expect(await alive(somebody)).toEqual(ALIVE);
    });

    test("with a refresh token of another session that has been replaced leaves that session alone", async () => {
      const own = await register(url(), "CLIENT");
      const other = await login(own);
      const { body: replaced } = await refresh(other.refreshToken);
      expect((await logout(own.token, { refresh_token: other.refreshToken })).status).toBe(200);
      expect(await alive({ token: replaced.access_token, refreshToken: replaced.refresh_token })).toEqual(ALIVE);
    });

    test.each<[body: object | undefined, endsAll: boolean]>([
      [{ all_sessions: true }, true],
      [{ all_sessions: true, refresh_token: "garbage" }, true],
      [{ all_sessions: false }, false],
      [{ all_sessions: null }, false],
      [{}, false],
      [undefined, false],
    ])("with %j ends all of the user's sessions: %s", async (body, endsAll) => {
      const own = await register(url(), "CLIENT");
      const others = [await login(own), await login(own)];
      const somebody = await register(url(), "CLIENT");

      expect((await logout(own.token, body)).status).toBe(200);
      expect(await alive(own)).toEqual(ENDED);
      for (const other of others) expect(await alive(other)).toEqual(endsAll ? ENDED : ALIVE);
      expect(await alive(somebody)).toEqual(ALIVE);
      expect(await alive(await login(own)), "and the user can sign in again").toEqual(ALIVE);
    });

    test("works once: the token is revoked after it", async () => {
      const { token } = await register(url(), "CLIENT");
      await logout(token);
      await expectRefusal(url(), "POST /api/v1/auth/logout", { token }, UNAUTHENTICATED);
    });
  });

  describe("the caller's own account", () => {
    test("GET /api/v1/auth/me is the user", async () => {
      const sent = { ...accountBody(), user_type: "DEVELOPER" };
      const { body } = await call(url(), "POST /api/v1/auth/register", { body: sent });
      const { status, body: account } = await me(url(), body.access_token);
      expect(status).toBe(200);
      expect(account).toEqual(body.user);
    });

    test("GET /api/v1/users/me is the user without a profile where there is none", async () => {
      const { token } = await register(url(), "CLIENT");
      const { status, body } = await call(url(), "GET /api/v1/users/me", { token });
      expect(status).toBe(200);
      expect(body).toEqual((await me(url(), token)).body);
    });

    test("GET /api/v1/users/me has the developer's profile once there is one", async () => {
      const { token, userId } = await newDeveloper(url());
      const { body } = await call(url(), "GET /api/v1/users/me", { token });
      const { body: profile } = await call(url(), `GET /api/v1/users/developers/${userId}`, { token });
      expect(body).toEqual({ ...(await me(url(), token)).body, developer_profile: profile });
    });
  });
}

function me(url: string, token: string) {
  return call(url, "GET /api/v1/auth/me", { token });
}

function decodePart(part: string) {
  return JSON.parse(Buffer.from(part, "base64url").toString());
}
