import { decodeProtectedHeader, exportJWK, exportPKCS8, exportSPKI, generateKeyPair, SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import { Role } from "../../src/gen/policy/v1/policy_pb.ts";
import { createAccessTokens } from "../../src/identity/access-token.ts";
import { createRefreshTokens } from "../../src/identity/refresh-token.ts";
import { createRemoteKeys } from "../../src/identity/remote-keys.ts";

// workerd's WebCrypto is another than Node's (BoringSSL, not OpenSSL), with other curves and other opinions of keys.

const SECRET = "kX7-fake-but-random-looking-bytes-0f9a2c";
const COMMON = { issuer: "devmatch-gateway", audience: "devmatch", lifetimeSeconds: 3600, now: Date.now };
const HOLDER = { userId: "user-1", role: Role.CLIENT, sessionId: "session-1" };

describe("access tokens in workerd", () => {
  test("HS256 with two secrets", async () => {
    const old = await createAccessTokens({ ...COMMON, secret: "Zt5!uB8yQe2#hN6wKc9@rP3mXa7&vL1D" });
    const both = await createAccessTokens({
      ...COMMON,
      secret: SECRET,
      previousSecret: "Zt5!uB8yQe2#hN6wKc9@rP3mXa7&vL1D",
    });
    expect(await both.verify(await old.mint(HOLDER))).toMatchObject({ ok: true, caller: { userId: "user-1" } });
    expect(await old.verify(await both.mint(HOLDER))).toEqual({ ok: false, problem: "not-verified" });
  });

  test.each(["EdDSA", "ES256"] as const)(
    "%s from PEM: signed, verified, published, as the previous key too",
    async (algorithm) => {
      const pair = await generateKeyPair(algorithm, { extractable: true });
      const privateKey = { pem: (await exportPKCS8(pair.privateKey)).trim(), algorithm };
      const publicKey = { pem: (await exportSPKI(pair.publicKey)).trim(), algorithm };
      const tokens = await createAccessTokens({ ...COMMON, secret: SECRET, privateKey });
      const token = await tokens.mint(HOLDER);
      const [jwk] = tokens.publicKeySet.keys;
      expect(decodeProtectedHeader(token)).toEqual({ alg: algorithm, typ: "at+jwt", kid: jwk?.kid });
      expect(jwk?.x).toBe((await exportJWK(pair.publicKey)).x);
      expect(await tokens.verify(token)).toMatchObject({ ok: true });
      for (const previousKey of [privateKey, publicKey]) {
        const next = await createAccessTokens({ ...COMMON, secret: SECRET, previousKey });
        expect(await next.verify(token)).toMatchObject({ ok: true });
      }
    },
  );

  test("a damaged key is refused by its variable's name", async () => {
    const { pem } = { pem: "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----" };
    const created = createAccessTokens({ ...COMMON, secret: SECRET, privateKey: { pem, algorithm: "EdDSA" } });
    await expect(created).rejects.toThrow("JWT_PRIVATE_KEY must be a key that can be used");
  });

  test.each(["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])("%s of an external issuer", async (alg) => {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: "1", alg };
    const keys = createRemoteKeys({
      url: "https://id.example/keys",
      fetch: async () => Response.json({ keys: [jwk] }),
      now: Date.now,
      keepAlive: () => {},
      onFailure: (error) => expect.unreachable(String(error)),
    });
    const external = { issuer: "https://id.example", keys };
    const tokens = await createAccessTokens({ ...COMMON, secret: SECRET, external });
    const nowSeconds = Math.floor(Date.now() / 1000);
    const claims = { iss: external.issuer, aud: "devmatch", sub: "user-1", jti: "1", role: "ADMIN" };
    const token = await new SignJWT({ ...claims, iat: nowSeconds, exp: nowSeconds + 60 })
      .setProtectedHeader({ alg, typ: "at+jwt", kid: "1" })
      .sign(privateKey);
    expect(await tokens.verify(token)).toMatchObject({ ok: true, caller: { role: Role.ADMIN } });
  });
});

test("refresh tokens in workerd are those that Node makes with the same secret", async () => {
  const tokens = await createRefreshTokens({ secret: SECRET });
  const content = { sessionId: "0a1b2c3d-0a1b-4c2d-8e3f-0a1b2c3d4e5f", generation: 1 };
  // A known answer: test/identity/refresh-token.test.ts has the same one.
  const token = "0a1b2c3d-0a1b-4c2d-8e3f-0a1b2c3d4e5f.1.rFhLDBxhoPgXtzihmzfrmsOxcLCchrpWvMmp8R06bYk";
  expect(await tokens.mint(content)).toBe(token);
  expect(await tokens.read(token)).toEqual(content);
});
