import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { type AccessTokens, createAccessTokens } from "#src/identity/access-token.ts";
import {
  COOL_DOWN_MS,
  createRemoteKeys,
  FRESH_MS,
  LAST_RESORT_MS,
  type RemoteKeys,
} from "#src/identity/remote-keys.ts";
import { AUDIENCE, claims, forge, GOOD_HEADER, ISSUER, NOW_MS, SECRET } from "./forge.ts";

const EXTERNAL = "https://id.example";
const URL_OF_KEYS = `${EXTERNAL}/keys`;

/** A key of the issuer's, as it signs with it and as it publishes it. */
interface IssuerKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
  readonly spki: string;
}

async function issuerKey(kid: string, alg: string): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: "sig" };
  return { kid, alg, privateKey, jwk, spki: await exportSPKI(publicKey) };
}

let first: IssuerKey;
let second: IssuerKey;
beforeAll(async () => {
  first = await issuerKey("first", "ES256");
  second = await issuerKey("second", "EdDSA");
});

type Answer = (init: RequestInit | undefined) => Response | Promise<Response>;

/** An issuer whose key set a test scripts, the keys behind it, a clock, and what has been fetched. */
function setUp(answer: Answer = setOf(first)) {
  let nowMs = NOW_MS;
  let script = answer;
  const fetched: { readonly url: string; readonly init: RequestInit | undefined }[] = [];
  const failures: unknown[] = [];
  const kept: Promise<void>[] = [];
  const keys = createRemoteKeys({
    url: URL_OF_KEYS,
    now: () => nowMs,
    fetch: async (url, init) => {
      fetched.push({ url: String(url), init });
      return script(init);
    },
    keepAlive: (work) => kept.push(work),
    onFailure: (error) => failures.push(error),
  });
  return {
    keys,
    fetched,
    failures,
    kept,
    now: () => nowMs,
    advance: (ms: number) => {
      nowMs += ms;
    },
    answer: (next: Answer) => {
      script = next;
    },
    has: async ({ kid, alg }: Pick<IssuerKey, "kid" | "alg">) =>
      (await keys.find({ algorithm: alg, keyId: kid })).length === 1,
  };
}

function setOf(...members: readonly (IssuerKey | Record<string, unknown>)[]): Answer {
  const keys = members.map((member) => ("jwk" in member ? member.jwk : member));
  return () => Response.json({ keys });
}

/** As `fetch` fails: refused, reset, no such host. */
const down: Answer = () => Promise.reject(new TypeError("fetch failed"));

/** Never answers, until the signal says that it is enough. */
const silent: Answer = (init) =>
  new Promise((_resolve, reject) => {
    init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
  });

/** Begins to answer and never ends. */
const halfAnswered: Answer = (init) =>
  new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"keys":['));
        init?.signal?.addEventListener("abort", () => controller.error(init.signal?.reason));
      },
    }),
  );

const TROUBLE: readonly (readonly [what: string, answer: Answer])[] = [
  ["is down", down],
  ["does not answer", silent],
  ["stops in the middle of its answer", halfAnswered],
  ["answers a page", () => new Response("<!doctype html><title>Sign in</title>", { headers: HTML })],
  ["answers a page that says it is JSON", () => Response.json("<html>")],
  ["answers an empty set", () => Response.json({ keys: [] })],
  ["answers something else", () => Response.json({ jwks: [] })],
  ["answers null", () => Response.json(null)],
  ["answers a list", () => Response.json([{ kty: "EC" }])],
  ["answers nothing", () => new Response("")],
  ["answers half a set", () => new Response('{"keys":[{"kty":"EC","crv"')],
  ["answers bytes that are no text", () => new Response(new Uint8Array([0xff, 0xfe, 0x80]))],
  ["answers without end", () => new Response(`{"keys":[${" ".repeat(65_536)}]}`)],
  ["answers 500", () => new Response("{}", { status: 500 })],
  ["answers 404", () => Response.json({ keys: [] }, { status: 404 })],
  ["redirects", () => new Response(null, { status: 302, headers: { location: "https://elsewhere.example" } })],
  [
    "has keys only that sign nothing here",
    () => Response.json({ keys: [{ kty: "oct", k: "c2VjcmV0", kid: "first" }] }),
  ],
];
const HTML = { "content-type": "text/html" };

describe("keys that are known", () => {
  test("are fetched when first needed, and not before", async () => {
    const issuer = setUp();
    expect(issuer.fetched).toEqual([]);
    expect(await issuer.has(first)).toBe(true);
    expect(await issuer.has(first)).toBe(true);
    expect(issuer.fetched.map(({ url }) => url)).toEqual([URL_OF_KEYS]);
    // Followed, a redirect would let whoever can make one choose our keys.
    expect(issuer.fetched[0]?.init).toMatchObject({ redirect: "manual", signal: expect.any(AbortSignal) });
  });

  test("are asked for again when they are 5 minutes old, and not before", async () => {
    const issuer = setUp();
    await issuer.has(first);
    issuer.advance(FRESH_MS - 1);
    await issuer.has(first);
    expect(issuer.fetched).toHaveLength(1);
    issuer.advance(1);
    await issuer.has(first);
    expect(issuer.fetched).toHaveLength(2);
  });

  test("J-29: a withdrawn key is worth nothing 5 minutes later, however often it is used", async () => {
    const issuer = setUp(setOf(first, second));
    await issuer.has(first);
    issuer.answer(setOf(second));
    issuer.advance(FRESH_MS);
    expect(await issuer.has(first)).toBe(false);
    expect(await issuer.has(second)).toBe(true);
  });

  test("a key that is new is fetched when its first token comes", async () => {
    const issuer = setUp();
    await issuer.has(first);
    issuer.answer(setOf(first, second));
    issuer.advance(COOL_DOWN_MS);
    expect(await issuer.has(second)).toBe(true);
    expect(issuer.fetched).toHaveLength(2);
  });

  test.each(TROUBLE)("J-29, R-34: keep working while the endpoint %s", async (_what, answer) => {
    const issuer = setUp();
    await issuer.has(first);
    issuer.answer(answer);
    for (const _ of ["after 5 minutes", "after 10"]) {
      issuer.advance(FRESH_MS);
      expect(await issuer.has(first)).toBe(true);
    }
    expect(issuer.fetched).toHaveLength(3);
    expect(issuer.failures).toHaveLength(2);
  });

  test("and not for more than a day without a word of the issuer", async () => {
    const issuer = setUp();
    await issuer.has(first);
    issuer.answer(down);
    issuer.advance(LAST_RESORT_MS - 1);
    expect(await issuer.has(first)).toBe(true);
    issuer.advance(1);
    expect(await issuer.has(first)).toBe(false);
    issuer.answer(setOf(first));
    issuer.advance(COOL_DOWN_MS);
    expect(await issuer.has(first)).toBe(true);
  });

  test("whoever has one does not wait for an endpoint that hangs, but for who asks", async () => {
    const issuer = setUp();
    await issuer.has(first);
    let release = () => {};
    issuer.answer(() => new Promise((resolve) => (release = () => resolve(Response.json({ keys: [first.jwk] })))));
    issuer.advance(FRESH_MS);
    const asking = issuer.has(first);
    expect(await issuer.has(first)).toBe(true);
    release();
    expect(await asking).toBe(true);
  });

  test("a clock that was set back forbids no fetch", async () => {
    const issuer = setUp(down);
    await issuer.has(first);
    issuer.answer(setOf(first));
    issuer.advance(-3_600_000);
    expect(await issuer.has(first)).toBe(true);
  });
});

describe("one fetch in 30 seconds", () => {
  test.each(TROUBLE)("J-29: on a cold start, while the endpoint %s", async (_what, answer) => {
    const issuer = setUp(answer);
    expect(await issuer.has(first)).toBe(false);
    for (let seconds = 0; seconds < 29; seconds++) {
      issuer.advance(1000);
      expect(await issuer.has(first)).toBe(false);
    }
    expect(issuer.fetched).toHaveLength(1);
    issuer.answer(setOf(first));
    issuer.advance(1000);
    expect(await issuer.has(first)).toBe(true);
    expect(issuer.fetched).toHaveLength(2);
  });

  test("J-29: under a flood of unknown ids", async () => {
    const issuer = setUp();
    await issuer.has(first);
    issuer.advance(COOL_DOWN_MS);
    const flood = Array.from({ length: 200 }, (_, number) => issuer.has({ kid: `unknown-${number}`, alg: "ES256" }));
    expect(new Set(await Promise.all(flood))).toEqual(new Set([false]));
    expect(issuer.fetched).toHaveLength(2);
    expect(await issuer.has(first)).toBe(true);
  });

  test("J-29: 100 cold requests at once are one fetch, and all of them get the key", async () => {
    const issuer = setUp(async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return Response.json({ keys: [first.jwk] });
    });
    const found = await Promise.all(Array.from({ length: 100 }, () => issuer.has(first)));
    expect(new Set(found)).toEqual(new Set([true]));
    expect(issuer.fetched).toHaveLength(1);
  });

  test("J-29: 100 cold requests at once while the endpoint is down are one fetch, and all of them end", async () => {
    const issuer = setUp(silent);
    const found = await Promise.all(Array.from({ length: 100 }, () => issuer.has(first)));
    expect(new Set(found)).toEqual(new Set([false]));
    expect(issuer.fetched).toHaveLength(1);
    expect(issuer.failures).toEqual([expect.objectContaining({ name: "TimeoutError" })]);
  });

  test("nobody waits for a request that has gone away with its fetch, as one does on Workers", async () => {
    // This one is never answered and never told that it is enough: its promise stays for ever.
    const issuer = setUp(() => new Promise(() => {}));
    void issuer.has(first);
    const waiting = issuer.has(first);
    issuer.advance(1_000);
    expect(await waiting).toBe(false);
    expect(issuer.kept).toHaveLength(1);
    issuer.answer(setOf(first));
    issuer.advance(COOL_DOWN_MS);
    expect(await issuer.has(first)).toBe(true);
  });
});

describe("which keys of a set are used", () => {
  test.each(["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])("J-29: %s, with that algorithm alone", async (alg) => {
    const key = await issuerKey("key", alg);
    const issuer = setUp(setOf(key));
    expect(await issuer.has(key)).toBe(true);
    for (const other of ["RS256", "PS256", "ES256", "EdDSA", "Ed25519", "HS256", "none", "RS384"].filter(
      (each) => each !== alg,
    )) {
      expect(await issuer.has({ kid: "key", alg: other }), other).toBe(false);
    }
  });

  test.each([
    ["RS256", "RS256"],
    ["ES256", "ES256"],
    ["EdDSA", "EdDSA"],
  ])("a key of %s that does not say so is used with %s", async (made, used) => {
    const { alg: _, ...jwk } = (await issuerKey("key", made)).jwk;
    const issuer = setUp(setOf(jwk));
    expect(await issuer.has({ kid: "key", alg: used })).toBe(true);
    expect(await issuer.has({ kid: "key", alg: "PS256" })).toBe(false);
  });

  test.each<readonly [string, (key: IssuerKey) => Record<string, unknown>]>([
    ["a key for encryption", ({ jwk }) => ({ ...jwk, use: "enc" })],
    ["a key that must not verify", ({ jwk }) => ({ ...jwk, key_ops: ["sign"] })],
    ["key_ops that are no list", ({ jwk }) => ({ ...jwk, key_ops: "verify" })],
    ["an algorithm that its kind does not have", ({ jwk }) => ({ ...jwk, alg: "RS256" })],
    ["an algorithm that shares a secret", ({ jwk }) => ({ ...jwk, alg: "HS256" })],
    ["an algorithm of another JSON type", ({ jwk }) => ({ ...jwk, alg: ["ES256"] })],
    ["no id", ({ jwk }) => ({ ...jwk, kid: undefined })],
    ["an id that is no text", ({ jwk }) => ({ ...jwk, kid: 1 })],
    ["an empty id", ({ jwk }) => ({ ...jwk, kid: "" })],
    ["another curve", ({ jwk }) => ({ ...jwk, crv: "P-384" })],
    ["a point that is not on the curve", ({ jwk }) => ({ ...jwk, x: jwk.y })],
    ["half a point", ({ jwk }) => ({ ...jwk, y: undefined })],
    ["a kind that is no text", ({ jwk }) => ({ ...jwk, kty: { toString: 1 } })],
    [
      "a secret",
      () => ({ kty: "oct", k: "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", kid: "first", alg: "ES256" }),
    ],
    ["null", () => null as unknown as Record<string, unknown>],
    ["a list", () => [] as unknown as Record<string, unknown>],
  ])("%s is passed over, and the others work", async (_what, spoil) => {
    const members = [spoil(first), second.jwk];
    const issuer = setUp(() => Response.json({ keys: members }));
    expect(await issuer.has(second)).toBe(true);
    expect(await issuer.keys.find({ algorithm: "ES256", keyId: "first" })).toEqual([]);
    expect(await issuer.keys.find({ algorithm: "ES256", keyId: undefined })).toEqual([]);
  });

  test("RSA below 2048 bits is passed over", async () => {
    const pair = await crypto.subtle.generateKey(
      { name: "RSASSA-PKCS1-v1_5", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
      true,
      ["sign", "verify"],
    );
    const { n, e } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const issuer = setUp(setOf({ kty: "RSA", n, e, kid: "weak" }, second));
    expect(await issuer.has({ kid: "weak", alg: "RS256" })).toBe(false);
    expect(await issuer.has(second)).toBe(true);
  });

  test("of a private key that somebody published by mistake, the public half", async () => {
    const jwk = { ...first.jwk, ...(await exportJWK(first.privateKey)) };
    expect(jwk.d).toBeDefined();
    const issuer = setUp(setOf(jwk));
    const [key] = await issuer.keys.find({ algorithm: "ES256", keyId: "first" });
    expect(key?.key.type).toBe("public");
  });
});

describe("J-29: tokens of an external issuer", () => {
  const external = (changes: Record<string, unknown> = {}, without = "sid") =>
    claims({ iss: EXTERNAL, jti: crypto.randomUUID(), ...changes }, without);

  const signed = (key: IssuerKey, payload: Record<string, unknown>, header: Record<string, unknown> = {}) =>
    new SignJWT(payload)
      .setProtectedHeader({ alg: key.alg, typ: "at+jwt", kid: key.kid, ...header })
      .sign(key.privateKey);

  function tokensOf(keys: RemoteKeys, now = () => NOW_MS): Promise<AccessTokens> {
    const options = { secret: SECRET, issuer: ISSUER, audience: AUDIENCE, lifetimeSeconds: 3600, now };
    return createAccessTokens({ ...options, external: { issuer: EXTERNAL, keys } });
  }

  const problemOf = async (token: string) => {
    const verification = await (await tokensOf(setUp(setOf(first, second)).keys)).verify(token);
    return verification.ok ? "accepted" : verification.problem;
  };

  test("are accepted beside our own, as callers without a session of ours", async () => {
    const tokens = await tokensOf(setUp().keys);
    const verification = await tokens.verify(await signed(first, external({ sid: "session-1", jti: "x" }, "")));
    expect(verification).toMatchObject({
      ok: true,
      caller: { userId: "user-1", role: Role.CLIENT, sessionId: undefined, tokenId: "x" },
    });
    const own = await tokens.mint({ userId: "user-1", role: Role.ADMIN, sessionId: "session-1" });
    expect(await tokens.verify(own)).toMatchObject({ ok: true });
  });

  test("their session is none of ours, whatever its shape", async () => {
    expect(await problemOf(await signed(first, external({ sid: { any: "shape" } }, "")))).toBe("accepted");
  });

  test.each<readonly [string, () => Promise<string>, string]>([
    ["signed with the shared secret", () => forge(GOOD_HEADER, external()), "unknown-key"],
    [
      "signed with the shared secret under a key's id",
      () => forge({ ...GOOD_HEADER, kid: "first" }, external()),
      "unknown-key",
    ],
    [
      "signed with the public key as if it were a secret",
      () => forge({ ...GOOD_HEADER, kid: "first" }, external(), first.spki),
      "unknown-key",
    ],
    ["under the name of our own issuer", () => signed(first, claims()), "unknown-key"],
    ["of a third issuer", () => signed(first, external({ iss: "https://evil.example" })), "unknown-issuer"],
    ["of the issuer with a slash", () => signed(first, external({ iss: `${EXTERNAL}/` })), "unknown-issuer"],
    ["under the id of another key", () => signed({ ...first, kid: "second" }, external()), "unknown-key"],
    ["with another algorithm under its id", () => signed({ ...second, kid: "first" }, external()), "unknown-key"],
    ["J-04: with an unknown id", () => signed({ ...first, kid: "../../first" }, external()), "unknown-key"],
    ["J-04: without an id", () => signed(first, external(), { kid: undefined }), "unknown-key"],
    ["J-03: with a URL for its key", () => signed(first, external(), { jku: URL_OF_KEYS }), "malformed"],
    ["J-08: an ID token", () => signed(first, external(), { typ: "JWT" }), "malformed"],
    ["J-08: without a type", () => signed(first, external(), { typ: undefined }), "malformed"],
    ["J-06: for another audience", () => signed(first, external({ aud: "billing" })), "claims"],
    ["J-07: without jti", () => signed(first, external({ jti: undefined })), "claims"],
    [
      "J-07: that lives longer than any of ours",
      () => signed(first, external({ exp: NOW_MS / 1000 + 86_401 })),
      "claims",
    ],
    ["without a role", () => signed(first, external({ role: undefined })), "claims"],
    ["with a role of the issuer's own", () => signed(first, external({ role: "owner" })), "claims"],
    ["with a subject that is no id of ours", () => signed(first, external({ sub: "auth0|7" })), "claims"],
    ["good", () => signed(first, external()), "accepted"],
    ["good, of the other key", () => signed(second, external()), "accepted"],
  ])("%s", async (_what, make, expected) => {
    expect(await problemOf(await make())).toBe(expected);
  });

  test("a token of ours asks nobody for keys, good or bad", async () => {
    const issuer = setUp();
    const tokens = await tokensOf(issuer.keys);
    await tokens.verify(await forge(GOOD_HEADER, claims()));
    await tokens.verify(await forge(GOOD_HEADER, claims(), "another-secret-another-secret-another"));
    await tokens.verify("garbage");
    expect(issuer.fetched).toEqual([]);
  });

  test("what was verified is verified again when the keys may have changed", async () => {
    const issuer = setUp();
    const tokens = await tokensOf(issuer.keys, issuer.now);
    const token = await signed(first, external());
    expect((await tokens.verify(token)).ok).toBe(true);
    issuer.answer(setOf(second));
    issuer.advance(FRESH_MS - 1);
    expect((await tokens.verify(token)).ok).toBe(true);
    issuer.advance(1);
    expect((await tokens.verify(token)).ok).toBe(false);
  });

  test("what was verified is forgotten as soon as the set is another", async () => {
    const issuer = setUp();
    const tokens = await tokensOf(issuer.keys, issuer.now);
    const token = await signed(first, external());
    expect((await tokens.verify(token)).ok).toBe(true);
    issuer.answer(setOf(second));
    issuer.advance(COOL_DOWN_MS);
    expect((await tokens.verify(await signed(second, external()))).ok).toBe(true);
    expect((await tokens.verify(token)).ok).toBe(false);
  });

  test("R-34: a token stays good while the endpoint is down for hours, and nothing rejects", async () => {
    const issuer = setUp();
    const tokens = await tokensOf(issuer.keys, issuer.now);
    const token = await signed(first, external({ exp: NOW_MS / 1000 + 86_400 }));
    await tokens.verify(token);
    issuer.answer(down);
    for (let hours = 0; hours < 23; hours++) {
      issuer.advance(3_600_000);
      expect((await tokens.verify(token)).ok).toBe(true);
    }
  });

  test("an issuer with our own name stops the start", async () => {
    const options = { secret: SECRET, issuer: ISSUER, audience: AUDIENCE, lifetimeSeconds: 3600, now: () => NOW_MS };
    const created = createAccessTokens({ ...options, external: { issuer: ISSUER, keys: setUp().keys } });
    await expect(created).rejects.toThrow("must not be named like this gateway");
  });
});
