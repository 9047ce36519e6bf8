import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { calculateJwkThumbprint, decodeProtectedHeader, importJWK, type JWK, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { claims, forge, GOOD_HEADER, type JsonSource, part } from "../identity/forge.ts";
import { call, type GatewayUnderTest, type Person, register } from "../support/gateway-under-test.ts";
import {
  type IssuerKey,
  issuerKey,
  KEY_SET_TROUBLE,
  type KeySetServer,
  publishes,
  signedBy,
  startKeySetServer,
} from "../support/key-set-server.ts";
import { PEM_PAIRS } from "../support/pem-keys.ts";

/** A gateway with these variables, in front of a platform of its own. */
export type StartGateway = (env: Readonly<Record<string, string>>) => Promise<GatewayUnderTest>;

const SECRET = "kX7-fake-but-random-looking-bytes-0f9a2c";
const PREVIOUS_SECRET = "Zt5!uB8yQe2#hN6wKc9@rP3mXa7&vL1D";
const ED25519 = PEM_PAIRS.ed25519();
const P256 = PEM_PAIRS.ec("P-256");
const EXTERNAL = "https://id.example/";

/** What tokens are signed with, over HTTP: both kinds of own keys, two of each at once, and an external issuer. */
export function keySuite(start: StartGateway): void {
  describe("with two secrets and two private keys", () => {
    let gateway: GatewayUnderTest;
    let client: Person;
    beforeAll(async () => {
      gateway = await start({
        JWT_SECRET: SECRET,
        JWT_SECRET_PREVIOUS: PREVIOUS_SECRET,
        // As a line of a file of variables.
        JWT_PRIVATE_KEY: ED25519.privateKey.replaceAll("\n", "\\n"),
        JWT_PRIVATE_KEY_PREVIOUS: P256.publicKey,
      });
      client = await register(gateway.url, "CLIENT");
    });
    afterAll(() => gateway.stop());

    const good = (changes: Record<string, unknown> = {}) =>
      claims({ sub: client.userId, jti: crypto.randomUUID(), iat: now() - 10, exp: now() + 3600, ...changes });
    const me = (token: string) => call(gateway.url, "GET /api/v1/auth/me", { token });

    test("the key set has the public half of both, may be kept for minutes, and has no private member", async () => {
      const { status, headers, body } = await call(gateway.url, "GET /.well-known/jwks.json");
      expect(status).toBe(200);
      expect(headers.get("content-type")).toBe("application/jwk-set+json");
      expect(headers.get("cache-control")).toBe("public, max-age=300");
      const common = { x: expect.any(String), kid: expect.any(String), use: "sig" };
      expect(body).toEqual({
        keys: [
          { kty: "OKP", crv: "Ed25519", alg: "EdDSA", ...common },
          { kty: "EC", crv: "P-256", alg: "ES256", y: expect.any(String), ...common },
        ],
      });
      expect(body.keys.map(({ x }: JWK) => x)).toEqual([jwkOf(ED25519.publicKey).x, jwkOf(P256.publicKey).x]);
    });

    test("whoever has the key set can verify our tokens by their kid, the key's thumbprint", async () => {
      const { keys } = (await call(gateway.url, "GET /.well-known/jwks.json")).body as { keys: JWK[] };
      const { alg, kid, typ } = decodeProtectedHeader(client.token);
      expect({ alg, typ }).toEqual({ alg: "EdDSA", typ: "at+jwt" });
      expect(kid).toBe(await calculateJwkThumbprint(keys[0]!));
      const key = await importJWK(keys.find((each) => each.kid === kid)!, alg);
      const options = { issuer: "devmatch-gateway", audience: "devmatch", typ: "at+jwt" };
      expect((await jwtVerify(client.token, key, options)).payload.sub).toBe(client.userId);
    });

    test("J-25: tokens of all four keys are good, and refresh tokens go on", async () => {
      const previous = createPrivateKey(P256.privateKey);
      const header = { alg: "ES256", typ: "at+jwt", kid: await calculateJwkThumbprint(jwkOf(P256.publicKey)) };
      const tokens = [
        client.token,
        signedWith(previous, header, good()),
        await forge(GOOD_HEADER, good(), SECRET),
        await forge(GOOD_HEADER, good(), PREVIOUS_SECRET),
      ];
      for (const token of tokens) expect((await me(token)).status).toBe(200);
      const body = { refresh_token: client.refreshToken };
      expect((await call(gateway.url, "POST /api/v1/auth/refresh", { body })).status).toBe(200);
    });

    const ED = () => createPrivateKey(ED25519.privateKey);
    test.each<readonly [string, (kid: string) => string | Promise<string>]>([
      ["J-01: the public key as a secret", (kid) => forge({ ...GOOD_HEADER, kid }, good(), ED25519.publicKey)],
      ["J-01: the secret under a private key's id", (kid) => forge({ ...GOOD_HEADER, kid }, good(), SECRET)],
      [
        "J-01: another algorithm under the key's id",
        (kid) => signedWith(ED(), { ...ED_HEADER, alg: "ES256", kid }, good()),
      ],
      ["J-02: no algorithm", (kid) => signedWith(ED(), { typ: "at+jwt", kid }, good())],
      ["J-02: none, unsigned", (kid) => `${part({ alg: "none", typ: "at+jwt", kid })}.${part(good())}.`],
      [
        "J-03: a key of its own in the header",
        (kid) => signedWith(ED(), { ...ED_HEADER, kid, jwk: jwkOf(ED25519.publicKey) }, good()),
      ],
      ["J-04: an id that is no key's", (kid) => signedWith(ED(), { ...ED_HEADER, kid: `${kid}x` }, good())],
      ["J-04: an id that is a path", () => signedWith(ED(), { ...ED_HEADER, kid: "../../etc/passwd" }, good())],
      ["J-04: no id", () => signedWith(ED(), ED_HEADER, good())],
      ["J-25: a third secret", () => forge(GOOD_HEADER, good(), "a-third-secret-a-third-secret-a-third")],
      [
        "J-25: a third key under a good id",
        (kid) => signedWith(createPrivateKey(PEM_PAIRS.ed25519().privateKey), { ...ED_HEADER, kid }, good()),
      ],
    ])("%s is 401", async (_what, make) => {
      const answer = await me(await make(decodeProtectedHeader(client.token).kid!));
      expect(answer).toMatchObject({ status: 401, body: { detail: "The access token is not valid." } });
    });
  });

  test("J-25: the other way round: P-256 signs, Ed25519 is the previous one", async () => {
    const gateway = await start({ JWT_PRIVATE_KEY: P256.privateKey, JWT_PRIVATE_KEY_PREVIOUS: ED25519.privateKey });
    try {
      const { token } = await register(gateway.url, "CLIENT");
      expect(decodeProtectedHeader(token).alg).toBe("ES256");
      expect((await call(gateway.url, "GET /api/v1/auth/me", { token })).status).toBe(200);
      const { keys } = (await call(gateway.url, "GET /.well-known/jwks.json")).body;
      expect(keys.map(({ alg }: JWK) => alg)).toEqual(["ES256", "EdDSA"]);
    } finally {
      await gateway.stop();
    }
  });

  test("J-25: without a private key the key set is empty", async () => {
    const gateway = await start({});
    try {
      expect((await call(gateway.url, "GET /.well-known/jwks.json")).body).toEqual({ keys: [] });
    } finally {
      await gateway.stop();
    }
  });

  describe("J-29: with an external issuer", () => {
    let first: IssuerKey;
    let second: IssuerKey;
    let issuer: KeySetServer;
    let gateway: GatewayUnderTest | undefined;
    beforeAll(async () => {
      [first, second] = await Promise.all([issuerKey("first"), issuerKey("second", "EdDSA")]);
      issuer = await startKeySetServer(publishes(first));
    });
    afterEach(async () => {
      await gateway?.stop();
      gateway = undefined;
    });
    afterAll(() => issuer.stop());

    const begin = async () => {
      const before = issuer.asked();
      gateway = await start({ JWT_SECRET: SECRET, JWT_JWKS_URL: issuer.url, JWT_JWKS_ISSUER: EXTERNAL });
      return { asked: () => issuer.asked() - before, startedAtMs: Date.now() };
    };
    const external = (changes: Record<string, unknown> = {}) =>
      claims(
        { iss: EXTERNAL, sub: "someone-1", jti: crypto.randomUUID(), iat: now() - 10, exp: now() + 3600, ...changes },
        "sid",
      );
    /** A route that needs no account: the issuer's users have none here. */
    const statusOf = async (token: string) => (await call(gateway!.url, "GET /api/v1/tasks", { token })).status;
    const tally = (statuses: readonly number[]) => [...new Set(statuses)];
    /** One fetch at once, and one more for each half minute that a slow machine has taken. */
    const fetchesAllowed = (startedAtMs: number) => 1 + Math.floor((Date.now() - startedAtMs) / 30_000);

    test("its tokens are good beside ours, also at logout, and by its keys alone", async () => {
      issuer.answer(publishes(first, second));
      await begin();
      const token = await signedBy(first, external());
      expect(await statusOf(token)).toBe(200);
      expect(await statusOf(await signedBy(second, external()))).toBe(200);
      expect(await statusOf((await register(gateway!.url, "CLIENT")).token)).toBe(200);
      expect((await call(gateway!.url, "POST /api/v1/auth/logout", { token })).status).toBe(200);
      expect(await statusOf(token)).toBe(401);

      const bad = [
        await forge(GOOD_HEADER, external(), SECRET),
        await forge({ ...GOOD_HEADER, kid: "first" }, external(), SECRET),
        await signedBy(first, external({ iss: "devmatch-gateway" })),
        await signedBy(first, external({ iss: EXTERNAL.slice(0, -1) })),
        await signedBy(first, external({ aud: "billing" })),
        await signedBy(first, external({ role: "owner" })),
        await signedBy(first, external(), { typ: "JWT" }),
        await signedBy({ ...first, kid: "second" }, external()),
      ];
      expect(tally(await Promise.all(bad.map(statusOf)))).toEqual([401]);
    });

    test("100 requests at once find no keys yet: one fetch, and all are served", async () => {
      issuer.answer((request, response) => void setTimeout(() => publishes(first)(request, response), 20));
      const { asked, startedAtMs } = await begin();
      const tokens = await Promise.all(Array.from({ length: 100 }, () => signedBy(first, external())));
      expect(tally(await Promise.all(tokens.map(statusOf)))).toEqual([200]);
      expect(asked()).toBeLessThanOrEqual(fetchesAllowed(startedAtMs));
    });

    test("a flood of unknown ids is one fetch in half a minute, and hurts nobody", async () => {
      issuer.answer(publishes(first));
      const { asked, startedAtMs } = await begin();
      expect(await statusOf(await signedBy(first, external()))).toBe(200);
      const flood = Array.from({ length: 200 }, async (_, number) =>
        statusOf(await signedBy({ ...first, kid: `unknown-${number}` }, external())),
      );
      const others = Array.from({ length: 20 }, async () => statusOf(await signedBy(first, external())));
      expect(tally(await Promise.all(flood))).toEqual([401]);
      expect(tally(await Promise.all(others))).toEqual([200]);
      expect(asked()).toBeLessThanOrEqual(fetchesAllowed(startedAtMs));
    });

    test.each(Object.entries(KEY_SET_TROUBLE))(
      "R-34: while its endpoint %s from the start, its tokens are 401 and no 5xx, ours are good, and it is left in peace",
      async (_what, listener) => {
        issuer.answer(listener);
        const { asked, startedAtMs } = await begin();
        const client = await register(gateway!.url, "CLIENT");
        const tokens = await Promise.all(Array.from({ length: 20 }, () => signedBy(first, external())));
        expect(tally(await Promise.all(tokens.map(statusOf)))).toEqual([401]);
        expect(tally(await Promise.all(tokens.map(statusOf)))).toEqual([401]);
        expect(await statusOf(client.token)).toBe(200);
        expect(asked()).toBeLessThanOrEqual(fetchesAllowed(startedAtMs));
      },
    );
  });
}

const ED_HEADER = { alg: "EdDSA", typ: "at+jwt" };

function jwkOf(pem: string): JWK {
  return createPublicKey(pem).export({ format: "jwk" }) as JWK;
}

/** Signed by hand, so that any header can be. */
function signedWith(key: KeyObject, header: JsonSource, payload: JsonSource): string {
  const content = `${part(header)}.${part(payload)}`;
  const hash = key.asymmetricKeyType === "ec" ? "sha256" : null;
  return `${content}.${sign(hash, Buffer.from(content), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
