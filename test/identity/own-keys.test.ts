import { calculateJwkThumbprint, decodeProtectedHeader, importJWK, jwtVerify } from "jose";
import { describe, expect, test } from "vitest";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { ConfigError, loadConfig } from "#src/config.ts";
import { type AccessTokens, createAccessTokens } from "#src/identity/access-token.ts";
import { PEM_PAIRS } from "../support/pem-keys.ts";
import { AUDIENCE, claims, forge, GOOD_CLAIMS, GOOD_HEADER, ISSUER, NOW_MS, SECRET } from "./forge.ts";

const OLD = SECRET;
const NEW = "Zt5!uB8yQe2#hN6wKc9@rP3mXa7&vL1D";
const HOLDER = { userId: "user-1", role: Role.CLIENT, sessionId: "session-1" };
const ED25519 = PEM_PAIRS.ed25519();
const P256 = PEM_PAIRS.ec("P-256");

/** An instance with these variables. */
function instance(env: Record<string, string> = {}): Promise<AccessTokens> {
  const { tokens, accessLifetimeSeconds } = loadConfig({ JWT_SECRET: OLD, ...env }, { protocol: "grpc" });
  const { secret, previousSecret, privateKey, previousKey } = tokens;
  return createAccessTokens({
    secret,
    previousSecret,
    privateKey,
    previousKey,
    issuer: ISSUER,
    audience: AUDIENCE,
    lifetimeSeconds: accessLifetimeSeconds,
    now: () => NOW_MS,
  });
}

async function accepts(verifier: AccessTokens, token: string): Promise<boolean> {
  return (await verifier.verify(token)).ok;
}

describe.each([
  ["Ed25519", "EdDSA", ED25519],
  ["P-256", "ES256", P256],
] as const)("a private key of %s", (_kind, alg, { privateKey, publicKey }) => {
  test("signs with its one algorithm, and is named by its thumbprint (RFC 7638)", async () => {
    const tokens = await instance({ JWT_PRIVATE_KEY: privateKey });
    const [jwk] = tokens.publicKeySet.keys;
    const token = await tokens.mint(HOLDER);
    expect(decodeProtectedHeader(token)).toEqual({ alg, typ: "at+jwt", kid: await calculateJwkThumbprint(jwk!) });
    expect(await accepts(tokens, token)).toBe(true);
  });

  test("has a public half that anybody can verify with, and that is all that is published", async () => {
    const tokens = await instance({ JWT_PRIVATE_KEY: privateKey });
    const { keys } = tokens.publicKeySet;
    const point = alg === "ES256" ? { y: expect.any(String) } : {};
    const kid = expect.stringMatching(/^[\w-]{43}$/);
    expect(keys).toEqual([
      { kty: expect.any(String), crv: expect.any(String), x: expect.any(String), ...point, kid, alg, use: "sig" },
    ]);
    const options = { issuer: ISSUER, audience: AUDIENCE, currentDate: new Date(NOW_MS) };
    const verified = await jwtVerify(await tokens.mint(HOLDER), await importJWK(keys[0]!), options);
    expect(verified.payload).toMatchObject({ sub: "user-1", role: "CLIENT" });
  });

  test("J-25: as the previous one it verifies, is published, and signs nothing; so does its public half", async () => {
    const signer = await instance({ JWT_PRIVATE_KEY: privateKey });
    const token = await signer.mint(HOLDER);
    for (const previous of [privateKey, publicKey]) {
      const verifier = await instance({ JWT_PRIVATE_KEY_PREVIOUS: previous });
      expect(await accepts(verifier, token)).toBe(true);
      expect(verifier.publicKeySet).toEqual(signer.publicKeySet);
      expect(decodeProtectedHeader(await verifier.mint(HOLDER)).alg).toBe("HS256");
    }
  });

  test("J-25: withdrawn it is worth nothing", async () => {
    const token = await (await instance({ JWT_PRIVATE_KEY: privateKey })).mint(HOLDER);
    expect(await (await instance()).verify(token)).toEqual({ ok: false, problem: "unknown-key" });
  });

  test("what the secret signed before stays good beside it, and can still be signed by whoever knows the secret", async () => {
    const token = await (await instance()).mint(HOLDER);
    expect(await accepts(await instance({ JWT_PRIVATE_KEY: privateKey }), token)).toBe(true);
  });

  test("J-01, J-04: its id with another algorithm, or its algorithm with another id, is no key", async () => {
    const tokens = await instance({ JWT_PRIVATE_KEY: privateKey });
    const { kid } = tokens.publicKeySet.keys[0]!;
    for (const secret of [OLD, publicKey, publicKey.trim()]) {
      const token = await forge({ ...GOOD_HEADER, kid }, GOOD_CLAIMS, secret);
      expect(await tokens.verify(token)).toEqual({ ok: false, problem: "unknown-key" });
    }
    const [, payload, signature] = (await tokens.mint(HOLDER)).split(".");
    for (const header of [
      { alg, typ: "at+jwt" },
      { alg, typ: "at+jwt", kid: `${kid}0` },
      { alg: "RS256", typ: "at+jwt", kid },
    ]) {
      const token = `${btoa(JSON.stringify(header)).replaceAll("=", "")}.${payload}.${signature}`;
      expect(await tokens.verify(token)).toEqual({ ok: false, problem: "unknown-key" });
    }
  });

  test("R-28: a damaged one stops the start with its name, and is not shown", async () => {
    const lines = privateKey.trim().split("\n");
    const short = [lines[0], lines[1]!.slice(0, 36), lines.at(-1)].join("\n");
    for (const name of ["JWT_PRIVATE_KEY", "JWT_PRIVATE_KEY_PREVIOUS"]) {
      const refusal = await instance({ [name]: short }).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(ConfigError);
      expect((refusal as ConfigError).message).toBe(
        `The configuration is wrong:\n  ${name} must be a key that can be used: this one is damaged`,
      );
      expect((refusal as ConfigError).cause).toBeUndefined();
    }
  });

  test("twice the same stops the start", async () => {
    for (const previous of [privateKey, publicKey]) {
      const started = instance({ JWT_PRIVATE_KEY: privateKey, JWT_PRIVATE_KEY_PREVIOUS: previous });
      await expect(started).rejects.toThrow("JWT_PRIVATE_KEY_PREVIOUS must not be the key that JWT_PRIVATE_KEY is");
    }
  });
});

test("with secrets alone nothing is published", async () => {
  expect((await instance({ JWT_SECRET_PREVIOUS: NEW })).publicKeySet).toEqual({ keys: [] });
});

test("two private keys of different kinds live side by side", async () => {
  const old = await instance({ JWT_PRIVATE_KEY: ED25519.privateKey });
  const both = await instance({ JWT_PRIVATE_KEY: P256.privateKey, JWT_PRIVATE_KEY_PREVIOUS: ED25519.privateKey });
  expect(both.publicKeySet.keys.map(({ alg }) => alg)).toEqual(["ES256", "EdDSA"]);
  expect(await accepts(both, await old.mint(HOLDER))).toBe(true);
  expect(await accepts(both, await both.mint(HOLDER))).toBe(true);
});

describe("J-25, R-25: a rotation, step by step", () => {
  const PEM_NEW = P256.privateKey;
  const PEM_OLD = ED25519.privateKey;
  test.each([
    ["secrets", { JWT_SECRET: OLD }, { JWT_SECRET: NEW }, "JWT_SECRET_PREVIOUS"],
    ["private keys", { JWT_PRIVATE_KEY: PEM_OLD }, { JWT_PRIVATE_KEY: PEM_NEW }, "JWT_PRIVATE_KEY_PREVIOUS"],
    ["the first private key", {}, { JWT_PRIVATE_KEY: PEM_NEW }, "JWT_PRIVATE_KEY_PREVIOUS"],
  ])(
    "of %s: neighbours in time accept each other's tokens, and the withdrawn key's no more",
    async (_what, old, renewed, previous) => {
      const value = (env: object) => Object.values(env)[0] as string | undefined;
      const before = value(old);
      const steps = [
        old,
        { ...old, [previous]: value(renewed)! },
        { ...renewed, ...(before === undefined ? {} : { [previous]: before }) },
      ];
      const instances = await Promise.all(steps.map((env) => instance(env as Record<string, string>)));
      const minted = await Promise.all(instances.map((each) => each.mint(HOLDER)));
      for (const [step, each] of instances.entries()) {
        for (const neighbour of [step - 1, step, step + 1].filter((at) => at in minted)) {
          expect(await accepts(each, minted[neighbour]!), `${neighbour} at ${step}`).toBe(true);
        }
      }
      const withdrawn = await instance(renewed as Record<string, string>);
      expect(await accepts(withdrawn, minted[2]!)).toBe(true);
      // Without a private key the secret had signed, and it is still there.
      expect(await accepts(withdrawn, minted[0]!)).toBe(before === undefined);
    },
  );

  test("a third secret is none of the two", async () => {
    const tokens = await instance({ JWT_SECRET: NEW, JWT_SECRET_PREVIOUS: OLD });
    expect(await tokens.verify(await forge(GOOD_HEADER, claims(), "a-third-secret-a-third-secret-a-third"))).toEqual({
      ok: false,
      problem: "not-verified",
    });
  });

  test("what is wrong beside the signature is told by the key that fits", async () => {
    const tokens = await instance({ JWT_SECRET: NEW, JWT_SECRET_PREVIOUS: OLD });
    const expired = claims({ iat: NOW_MS / 1000 - 60, exp: NOW_MS / 1000 - 1 });
    expect(await tokens.verify(await forge(GOOD_HEADER, expired, OLD))).toEqual({ ok: false, problem: "expired" });
  });
});
