import fc from "fast-check";
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from "jose";
import { describe, expect, test, vi } from "vitest";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { type AccessTokenOptions, createAccessTokens, type TokenProblem } from "#src/identity/access-token.ts";
import { createRefreshTokens } from "#src/identity/refresh-token.ts";
import { AUDIENCE, claims, forge, GOOD_CLAIMS, GOOD_HEADER, ISSUER, NOW_MS, NOW_S, part, SECRET } from "./forge.ts";

const HOLDER = { userId: "user-1", role: Role.CLIENT, sessionId: "session-1" };

function accessTokens(options: Partial<AccessTokenOptions> = {}) {
  return createAccessTokens({
    secret: SECRET,
    issuer: ISSUER,
    audience: AUDIENCE,
    lifetimeSeconds: 3600,
    now: () => NOW_MS,
    ...options,
  });
}

async function problemOf(token: string): Promise<TokenProblem | "accepted"> {
  const verification = await (await accessTokens()).verify(token);
  return verification.ok ? "accepted" : verification.problem;
}

describe("a token that the gateway minted", () => {
  test("has the header and exactly the claims of the contract", async () => {
    const token = await (await accessTokens()).mint(HOLDER);
    expect(decodeProtectedHeader(token)).toEqual({ alg: "HS256", typ: "at+jwt" });
    expect(decodeJwt(token)).toEqual({
      iss: ISSUER,
      aud: AUDIENCE,
      sub: "user-1",
      role: "CLIENT",
      sid: "session-1",
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      iat: NOW_S,
      exp: NOW_S + 3600,
    });
  });

  test.each([Role.CLIENT, Role.DEVELOPER, Role.ADMIN])("is verified to the same caller with role %i", async (role) => {
    const tokens = await accessTokens();
    const token = await tokens.mint({ ...HOLDER, role });
    const { jti } = decodeJwt(token);
    expect(await tokens.verify(token)).toEqual({
      ok: true,
      caller: {
        userId: "user-1",
        role,
        sessionId: "session-1",
        tokenId: jti,
        issuedAtSeconds: NOW_S,
        expiresAtSeconds: NOW_S + 3600,
      },
    });
  });

  test("is another one each time, even within one second", async () => {
    const tokens = await accessTokens();
    const ids = await Promise.all([1, 2, 3].map(async () => decodeJwt(await tokens.mint(HOLDER)).jti));
    expect(new Set(ids).size).toBe(3);
  });

  test("is not minted for a caller without a role", async () => {
    const tokens = await accessTokens();
    await expect((async () => tokens.mint({ ...HOLDER, role: Role.UNSPECIFIED }))()).rejects.toThrow("without a role");
  });

  test("has whole seconds, though the clock and the lifetime have fractions", async () => {
    const token = await (await accessTokens({ now: () => NOW_MS + 999.5 })).mint(HOLDER);
    expect(decodeJwt(token)).toMatchObject({ iat: NOW_S, exp: NOW_S + 3600 });
  });

  test("works up to its last millisecond and not at its end, remembered or not", async () => {
    let nowMs = NOW_MS;
    const tokens = await accessTokens({ now: () => nowMs });
    const token = await tokens.mint(HOLDER);
    nowMs = NOW_MS + 3_600_000 - 1;
    expect((await tokens.verify(token)).ok).toBe(true);
    nowMs = NOW_MS + 3_600_000;
    expect(await tokens.verify(token)).toEqual({ ok: false, problem: "expired" });
  });

  test("R-24: works on an instance whose clock is 90 seconds behind", async () => {
    const token = await (await accessTokens({ now: () => NOW_MS + 90_000 })).mint(HOLDER);
    expect(await problemOf(token)).toBe("accepted");
  });

  test("R-24: works on an instance whose clock is 90 seconds ahead", async () => {
    const token = await (await accessTokens({ now: () => NOW_MS - 90_000 })).mint(HOLDER);
    expect(await problemOf(token)).toBe("accepted");
  });

  test("goes on working when the configured lifetime becomes shorter", async () => {
    const token = await (await accessTokens({ lifetimeSeconds: 86_400 })).mint(HOLDER);
    expect((await (await accessTokens({ lifetimeSeconds: 900 })).verify(token)).ok).toBe(true);
  });

  test("may live as long as is configured, however long that is", async () => {
    const tokens = await accessTokens({ lifetimeSeconds: 31 * 86_400 });
    expect((await tokens.verify(await tokens.mint(HOLDER))).ok).toBe(true);
  });
});

type Row = readonly [
  because: string,
  header: Parameters<typeof forge>[0],
  claims: Parameters<typeof forge>[1],
  expected: TokenProblem | "accepted",
];

const SIGNED: readonly Row[] = [
  ["the forge makes what the gateway makes", GOOD_HEADER, GOOD_CLAIMS, "accepted"],
  ["a session that no store knows is fine: the token is stateless", GOOD_HEADER, claims({ sid: "nobody" }), "accepted"],
  ["without a session: an external issuer has none", GOOD_HEADER, claims({}, "sid"), "accepted"],
  ["claims that we do not know are none of our business", GOOD_HEADER, claims({ scope: "x", a: [1] }), "accepted"],
  [
    "the media type may be written out (RFC 9068, 2.1)",
    { ...GOOD_HEADER, typ: "application/at+jwt" },
    GOOD_CLAIMS,
    "accepted",
  ],
  ["nbf in the past", GOOD_HEADER, claims({ nbf: NOW_S - 1 }), "accepted"],
  ["nbf as far ahead as clocks may be", GOOD_HEADER, claims({ nbf: NOW_S + 60 }), "accepted"],
  ["iat as far ahead as clocks of instances may be", GOOD_HEADER, claims({ iat: NOW_S + 90 }), "accepted"],
  ["our audience among others (RFC 7519, 4.1.3)", GOOD_HEADER, claims({ aud: ["other", AUDIENCE] }), "accepted"],
  ["a lifetime of exactly the cap", GOOD_HEADER, claims({ exp: NOW_S + 86_400 }), "accepted"],

  ["typ of an ordinary JWT, such as an ID token", { ...GOOD_HEADER, typ: "JWT" }, GOOD_CLAIMS, "malformed"],
  ["no typ", { alg: "HS256" }, GOOD_CLAIMS, "malformed"],
  ["typ of another JSON type", { ...GOOD_HEADER, typ: ["at+jwt"] }, GOOD_CLAIMS, "malformed"],
  [
    "a critical extension that nobody here understands",
    { ...GOOD_HEADER, crit: ["x"], x: 1 },
    GOOD_CLAIMS,
    "malformed",
  ],
  [
    "an unencoded payload (RFC 7797) is none for JWTs",
    { ...GOOD_HEADER, crit: ["b64"], b64: false },
    GOOD_CLAIMS,
    "malformed",
  ],
  ["a header that is an array", "[]", GOOD_CLAIMS, "malformed"],
  ["a header that is no JSON", "{", GOOD_CLAIMS, "malformed"],

  ["another issuer", GOOD_HEADER, claims({ iss: "somebody" }), "unknown-issuer"],
  ["our issuer in another letter case", GOOD_HEADER, claims({ iss: ISSUER.toUpperCase() }), "unknown-issuer"],
  ["our issuer with something behind", GOOD_HEADER, claims({ iss: `${ISSUER}/` }), "unknown-issuer"],
  ["an issuer in a list", GOOD_HEADER, claims({ iss: [ISSUER] }), "malformed"],
  ["no issuer", GOOD_HEADER, claims({}, "iss"), "malformed"],
  ["another audience under the same key", GOOD_HEADER, claims({ aud: "billing" }), "claims"],
  ["other audiences", GOOD_HEADER, claims({ aud: ["billing", "devmatch2"] }), "claims"],
  ["no audience at all in the list", GOOD_HEADER, claims({ aud: [] }), "claims"],
  ["an audience that contains ours", GOOD_HEADER, claims({ aud: `${AUDIENCE} billing` }), "claims"],
  ["an audience of another JSON type", GOOD_HEADER, claims({ aud: { [AUDIENCE]: true } }), "claims"],
  ["no audience", GOOD_HEADER, claims({}, "aud"), "claims"],

  ["expired a second ago", GOOD_HEADER, claims({ iat: NOW_S - 60, exp: NOW_S - 1 }), "expired"],
  ["expiring now", GOOD_HEADER, claims({ iat: NOW_S - 60, exp: NOW_S }), "expired"],
  ["exp before all time", GOOD_HEADER, claims({ exp: -1 }), "expired"],
  ["no exp", GOOD_HEADER, claims({}, "exp"), "claims"],
  ["exp as text", GOOD_HEADER, claims({ exp: String(NOW_S + 60) }), "claims"],
  ["exp null", GOOD_HEADER, claims({ exp: null }), "claims"],
  ["exp true", GOOD_HEADER, claims({ exp: true }), "claims"],
  ["exp as an object", GOOD_HEADER, claims({ exp: {} }), "claims"],
  ["exp beyond every number, which jose lets through", GOOD_HEADER, withNumber("exp", "1e400"), "claims"],
  ["exp as large as numbers go", GOOD_HEADER, withNumber("exp", "1e308"), "claims"],
  ["a lifetime one second over the cap: none of ours", GOOD_HEADER, claims({ exp: NOW_S + 86_401 }), "claims"],
  ["a lifetime below zero", GOOD_HEADER, claims({ iat: NOW_S + 100, exp: NOW_S + 50 }), "claims"],
  ["a lifetime of nothing", GOOD_HEADER, claims({ iat: NOW_S + 50, exp: NOW_S + 50 }), "claims"],
  ["no iat", GOOD_HEADER, claims({}, "iat"), "claims"],
  ["iat as text", GOOD_HEADER, claims({ iat: String(NOW_S) }), "claims"],
  ["iat null", GOOD_HEADER, claims({ iat: null }), "claims"],
  ["iat further ahead than clocks of instances may be", GOOD_HEADER, claims({ iat: NOW_S + 91 }), "claims"],
  ["iat before every number", GOOD_HEADER, withNumber("iat", "-1e400"), "claims"],
  ["iat beyond every number", GOOD_HEADER, withNumber("iat", "1e400"), "claims"],
  ["nbf further ahead than clocks may be", GOOD_HEADER, claims({ nbf: NOW_S + 61 }), "claims"],
  ["nbf as text", GOOD_HEADER, claims({ nbf: String(NOW_S - 1) }), "claims"],
  ["nbf null", GOOD_HEADER, claims({ nbf: null }), "claims"],

  ["no sub", GOOD_HEADER, claims({}, "sub"), "claims"],
  ["sub null, which jose lets through", GOOD_HEADER, claims({ sub: null }), "claims"],
  ["sub an object, which jose lets through", GOOD_HEADER, claims({ sub: { id: "user-1" } }), "claims"],
  ["sub a list", GOOD_HEADER, claims({ sub: ["user-1"] }), "claims"],
  ["sub a number", GOOD_HEADER, claims({ sub: 7 }), "claims"],
  ["sub empty", GOOD_HEADER, claims({ sub: "" }), "claims"],
  ["sub with a line break at its end", GOOD_HEADER, claims({ sub: "user-1\n" }), "claims"],
  [
    "sub with another line, a header or a log line of its own",
    GOOD_HEADER,
    claims({ sub: "user-1\r\nx-user-role: ADMIN" }),
    "claims",
  ],
  ["sub with a NUL", GOOD_HEADER, claims({ sub: "user-1\u0000" }), "claims"],
  ["sub with a slash: it goes into paths and keys", GOOD_HEADER, claims({ sub: "../user-1" }), "claims"],
  ["sub longer than an id", GOOD_HEADER, claims({ sub: "u".repeat(129) }), "claims"],
  ["sub as long as an id", GOOD_HEADER, claims({ sub: "u".repeat(128) }), "accepted"],
  ["sub in letters that only look like ours", GOOD_HEADER, claims({ sub: "uѕer-1" }), "claims"],
  ["no jti", GOOD_HEADER, claims({}, "jti"), "claims"],
  ["jti null", GOOD_HEADER, claims({ jti: null }), "claims"],
  ["jti a number", GOOD_HEADER, claims({ jti: 1 }), "claims"],
  ["jti with a line break", GOOD_HEADER, claims({ jti: "a\nb" }), "claims"],
  ["jti empty: revoking it would revoke nothing", GOOD_HEADER, claims({ jti: "" }), "claims"],
  ["sid null", GOOD_HEADER, claims({ sid: null }), "claims"],
  ["sid an object", GOOD_HEADER, claims({ sid: {} }), "claims"],
  ["sid empty", GOOD_HEADER, claims({ sid: "" }), "claims"],
  ["sid with a line break", GOOD_HEADER, claims({ sid: "a\n" }), "claims"],

  ["no role", GOOD_HEADER, claims({}, "role"), "claims"],
  ["a role that we do not know", GOOD_HEADER, claims({ role: "OWNER" }), "claims"],
  ["a role in another letter case", GOOD_HEADER, claims({ role: "admin" }), "claims"],
  ["the role's long name", GOOD_HEADER, claims({ role: "ROLE_ADMIN" }), "claims"],
  ["the role's number", GOOD_HEADER, claims({ role: Role.ADMIN }), "claims"],
  ["the role that is none", GOOD_HEADER, claims({ role: "UNSPECIFIED" }), "claims"],
  ["a name that every object has", GOOD_HEADER, claims({ role: "constructor" }), "claims"],
  ["roles in a list", GOOD_HEADER, claims({ role: ["ADMIN"] }), "claims"],
  ["role null", GOOD_HEADER, claims({ role: null }), "claims"],

  ["claims that are a list", GOOD_HEADER, "[]", "malformed"],
  ["claims that are null", GOOD_HEADER, "null", "malformed"],
  ["claims that are no JSON", GOOD_HEADER, "sub=user-1", "malformed"],
];

function withNumber(name: string, number: string): string {
  return JSON.stringify(claims({ [name]: "@" })).replace('"@"', number);
}

describe("J-06, J-07, J-08: what is signed with the right key is still checked", () => {
  test.each(SIGNED)("%s", async (_because, header, payload, expected) => {
    expect(await problemOf(await forge(header, payload))).toBe(expected);
  });
});

describe("the header never chooses the algorithm or the key", () => {
  test.each(["none", "None", "NONE", "nOnE", " none", ""])("J-02: alg %j without a signature", async (alg) => {
    expect(await problemOf(`${part({ ...GOOD_HEADER, alg })}.${part(GOOD_CLAIMS)}.`)).toBe("malformed");
  });

  test.each(["none", "None", "NONE", "nOnE"])("J-02: alg %j with a signature that would fit", async (alg) => {
    expect(await problemOf(await forge({ ...GOOD_HEADER, alg }, GOOD_CLAIMS))).toBe("unknown-key");
  });

  test.each([
    ["no alg", { typ: "at+jwt" }, "malformed"],
    ["alg null", { ...GOOD_HEADER, alg: null }, "malformed"],
    ["alg a list", { ...GOOD_HEADER, alg: ["HS256"] }, "malformed"],
    ["alg in another letter case", { ...GOOD_HEADER, alg: "hs256" }, "unknown-key"],
    ["a name that every object has", { ...GOOD_HEADER, alg: "constructor" }, "unknown-key"],
  ])("J-01, J-02: %s", async (_because, header, expected) => {
    expect(await problemOf(await forge(header, GOOD_CLAIMS))).toBe(expected);
  });

  test.each([
    ["HS384", "SHA-384"],
    ["HS512", "SHA-512"],
  ])("J-01: %s under the same secret", async (alg, hash) => {
    expect(await problemOf(await forge({ ...GOOD_HEADER, alg }, GOOD_CLAIMS, SECRET, hash))).toBe("unknown-key");
  });

  test.each(["RS256", "ES256", "EdDSA"])("J-03: %s with a key of the sender's own in the header", async (alg) => {
    const fetched = vi.spyOn(globalThis, "fetch");
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = await exportJWK(publicKey);
    for (const more of [{}, { jwk }, { jku: "http://127.0.0.1:9/keys", kid: "1" }]) {
      const token = await new SignJWT(GOOD_CLAIMS).setProtectedHeader({ alg, typ: "at+jwt", ...more }).sign(privateKey);
      expect(await problemOf(token)).toBe(Object.keys(more).length === 0 ? "unknown-key" : "malformed");
    }
    expect(fetched).not.toHaveBeenCalled();
    fetched.mockRestore();
  });

  test.each([
    ["jwk", { kty: "oct", k: part(SECRET), alg: "HS256" }],
    ["jku", "http://127.0.0.1:9/keys"],
    ["x5u", "http://127.0.0.1:9/x5u"],
    ["x5c", ["MIIB"]],
    ["x5t", "AAAA"],
    ["crit", ["exp"]],
    ["b64", true],
    ["zip", "DEF"],
    ["cty", "JWT"],
    ["__proto__", { alg: "none" }],
  ])(
    "J-03: %s in the header, though the signature is right: nobody is asked, and it is refused",
    async (name, value) => {
      const fetched = vi.spyOn(globalThis, "fetch");
      const header = JSON.stringify({ ...GOOD_HEADER, "@": value }).replace("@", name);
      expect(await problemOf(await forge(header, GOOD_CLAIMS))).toBe("malformed");
      expect(fetched).not.toHaveBeenCalled();
      fetched.mockRestore();
    },
  );

  test.each(["1", "", "../../key", "' OR 1=1", "HS256", "constructor"])(
    "J-04: kid %j under the secret, which has none",
    async (kid) => {
      expect(await problemOf(await forge({ ...GOOD_HEADER, kid }, GOOD_CLAIMS))).toBe("unknown-key");
    },
  );

  test.each([1, null, ["1"], {}])("J-04: kid %j, which is no text", async (kid) => {
    expect(await problemOf(await forge({ ...GOOD_HEADER, kid }, GOOD_CLAIMS))).toBe("malformed");
  });

  test.each([
    ["another secret", "another-secret-another-secret-another"],
    ["the secret less its last byte", SECRET.slice(0, -1)],
    ["the secret and one byte more", `${SECRET}!`],
  ])("%s", async (_because, secret) => {
    expect(await problemOf(await forge(GOOD_HEADER, GOOD_CLAIMS, secret))).toBe("not-verified");
  });

  test("the secret is its UTF-8 bytes", async () => {
    const secret = "ключ-из-букв-не-латинских";
    const tokens = await accessTokens({ secret });
    expect((await tokens.verify(await forge(GOOD_HEADER, GOOD_CLAIMS, secret))).ok).toBe(true);
  });
});

describe("what was tampered with, or is no token", () => {
  const otherClaims = part(claims({ role: "ADMIN" }));

  test.each([
    [
      "other claims under the old signature",
      (h: string, _c: string, s: string) => `${h}.${otherClaims}.${s}`,
      "not-verified",
    ],
    [
      "another header under the old signature",
      (_h: string, c: string, s: string) => `${part({ typ: "at+jwt", alg: "HS256" })}.${c}.${s}`,
      "not-verified",
    ],
    [
      "a signature with one bit changed",
      (h: string, c: string, s: string) => `${h}.${c}.${s[0] === "A" ? "B" : "A"}${s.slice(1)}`,
      "not-verified",
    ],
    ["half a signature", (h: string, c: string, s: string) => `${h}.${c}.${s.slice(0, 20)}`, "not-verified"],
    ["no signature", (h: string, c: string) => `${h}.${c}.`, "malformed"],
    ["two parts", (h: string, c: string) => `${h}.${c}`, "malformed"],
    ["four parts", (h: string, c: string, s: string) => `${h}.${c}.${s}.${s}`, "malformed"],
    [
      "five parts, as an encrypted token has",
      (h: string, c: string, s: string) => `${h}.${c}.${s}.${s}.${s}`,
      "malformed",
    ],
    ["padded parts", (h: string, c: string, s: string) => `${h}.${c}.${s}=`, "malformed"],
    ["the other base64 alphabet", (h: string, c: string, s: string) => `${h}.${c}.+/${s.slice(2)}`, "malformed"],
    ["a space in front", (h: string, c: string, s: string) => ` ${h}.${c}.${s}`, "malformed"],
    ["a line break behind", (h: string, c: string, s: string) => `${h}.${c}.${s}\n`, "malformed"],
    ["an empty text", () => "", "malformed"],
    ["dots", () => "..", "malformed"],
    [
      "a JWS in its JSON form",
      (h: string, c: string, s: string) => JSON.stringify({ protected: h, payload: c, signature: s }),
      "malformed",
    ],
  ] as const)("%s", async (_because, tamper, expected) => {
    const [header = "", payload = "", signature = ""] = (await forge(GOOD_HEADER, GOOD_CLAIMS)).split(".");
    expect(await problemOf(tamper(header, payload, signature))).toBe(expected);
  });

  test("a token longer than any of ours is not looked at, though its signature is right", async () => {
    expect(await problemOf(await forge(GOOD_HEADER, claims({ padding: "p".repeat(4_096) })))).toBe("malformed");
  });

  test("J-09: a refresh token is no access token", async () => {
    const refreshTokens = await createRefreshTokens({ secret: SECRET });
    const token = await refreshTokens.mint({ sessionId: crypto.randomUUID(), generation: 1 });
    expect(await problemOf(token)).not.toBe("accepted");
  });

  test("one token has one spelling, though a MAC of 32 bytes leaves two bits of its last letter unused", async () => {
    const token = await forge(GOOD_HEADER, GOOD_CLAIMS);
    const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"];
    const tokens = await accessTokens();
    const verified = await Promise.all(letters.map((letter) => tokens.verify(token.slice(0, -1) + letter)));
    expect(verified.filter(({ ok }) => ok)).toHaveLength(1);
  });
});

test("whatever text comes, it is refused and nothing is thrown", async () => {
  const tokens = await accessTokens();
  const good = await forge(GOOD_HEADER, GOOD_CLAIMS);
  const json = fc.json({ maxDepth: 3 });
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.tuple(fc.base64String(), fc.base64String(), fc.base64String()).map((parts) => parts.join(".")),
    fc.tuple(json, json, fc.base64String()).map(([header, payload, mac]) => `${part(header)}.${part(payload)}.${mac}`),
    fc
      .tuple(fc.nat(good.length - 1), fc.string({ minLength: 1, maxLength: 3 }))
      .map(([at, inserted]) => good.slice(0, at) + inserted + good.slice(at)),
  );
  await fc.assert(
    fc.asyncProperty(text, async (token) => {
      expect(await tokens.verify(token)).toEqual({ ok: false, problem: expect.any(String) });
    }),
    { numRuns: 2_000 },
  );
});
