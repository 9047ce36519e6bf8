import { afterEach, describe, expect, test, vi } from "vitest";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { createAccessTokens } from "#src/identity/access-token.ts";
import { type Verified, VerifiedTokens } from "#src/identity/verified-tokens.ts";
import { AUDIENCE, claims, forge, GOOD_HEADER, ISSUER, NOW_MS, NOW_S, SECRET } from "./forge.ts";

const HOUR_MS = 3_600_000;

function verified(tokenId: string): Verified {
  const ids = { userId: "user-1", role: Role.CLIENT, sessionId: undefined, tokenId };
  return { ok: true, caller: { ...ids, issuedAtSeconds: NOW_S, expiresAtSeconds: NOW_S + 3600 } };
}

function setUp(maxEntries = 100) {
  let nowMs = NOW_MS;
  const remembered = new VerifiedTokens(() => nowMs, maxEntries);
  return {
    remembered,
    advance: (ms: number) => {
      nowMs += ms;
    },
    remember: (token: string) => remembered.set(token, verified(token), NOW_MS + HOUR_MS),
  };
}

describe("what was verified", () => {
  test("is known until its end, and not at it", () => {
    const { remembered, remember, advance } = setUp();
    remember("a");
    advance(HOUR_MS - 1);
    expect(remembered.get("a")).toEqual(verified("a"));
    advance(1);
    expect(remembered.get("a")).toBeUndefined();
    expect(remembered.size).toBe(0);
  });

  test("another token is not", () => {
    const { remembered, remember } = setUp();
    remember("a");
    for (const other of ["", "A", "a ", "__proto__", "constructor"]) expect(remembered.get(other)).toBeUndefined();
  });

  test("is forgotten when told", () => {
    const { remembered, remember } = setUp();
    remember("a");
    remembered.clear();
    expect(remembered.get("a")).toBeUndefined();
  });

  test("is bounded, however many there are", () => {
    const { remembered, remember } = setUp(100);
    for (let number = 0; number < 10_000; number++) {
      remember(`token-${number}`);
      expect(remembered.size).toBeLessThanOrEqual(100);
    }
    // The newest half is there for sure.
    for (let number = 9_951; number < 10_000; number++) expect(remembered.get(`token-${number}`)).toBeDefined();
  });

  test("stays while it is used, and what is not used goes first", () => {
    const { remembered, remember } = setUp(100);
    remember("used");
    remember("unused");
    for (let number = 0; number < 1_000; number++) {
      remember(`token-${number}`);
      expect(remembered.get("used")).toBeDefined();
    }
    expect(remembered.get("unused")).toBeUndefined();
  });
});

describe("a token that is verified twice", () => {
  afterEach(() => vi.restoreAllMocks());

  const setUpTokens = async () => {
    let nowMs = NOW_MS;
    const options = { secret: SECRET, issuer: ISSUER, audience: AUDIENCE, lifetimeSeconds: 3600, now: () => nowMs };
    const verifications = vi.spyOn(crypto.subtle, "verify");
    return {
      tokens: await createAccessTokens(options),
      verifications,
      advance: (ms: number) => {
        nowMs += ms;
      },
    };
  };

  test("costs one verification and gives the same caller", async () => {
    const { tokens, verifications } = await setUpTokens();
    const token = await forge(GOOD_HEADER, claims());
    const first = await tokens.verify(token);
    expect(await tokens.verify(token)).toEqual(first);
    expect(verifications).toHaveBeenCalledTimes(1);
  });

  test("has still expired in time", async () => {
    const { tokens, advance } = await setUpTokens();
    const token = await forge(GOOD_HEADER, claims());
    expect((await tokens.verify(token)).ok).toBe(true);
    advance(HOUR_MS - 1);
    expect((await tokens.verify(token)).ok).toBe(true);
    advance(1);
    expect(await tokens.verify(token)).toEqual({ ok: false, problem: "expired" });
  });

  test("is not remembered as bad: nbf may come, and strangers could fill our memory", async () => {
    const { tokens, advance } = await setUpTokens();
    const token = await forge(GOOD_HEADER, claims({ nbf: NOW_S + 100 }));
    expect((await tokens.verify(token)).ok).toBe(false);
    advance(100_000);
    expect((await tokens.verify(token)).ok).toBe(true);
  });

  test("gives nothing to a token that differs in a letter", async () => {
    const { tokens } = await setUpTokens();
    const token = await forge(GOOD_HEADER, claims());
    await tokens.verify(token);
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === "A" ? "B" : "A";
      expect((await tokens.verify(token.slice(0, at) + other + token.slice(at + 1))).ok).toBe(false);
    }
  });
});
