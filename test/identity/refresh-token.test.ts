import { describe, expect, test } from "vitest";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { createAccessTokens } from "#src/identity/access-token.ts";
import { createRefreshTokens } from "#src/identity/refresh-token.ts";
import { AUDIENCE, ISSUER, NOW_MS, SECRET } from "./forge.ts";

const SESSION = "0a1b2c3d-0a1b-4c2d-8e3f-0a1b2c3d4e5f";

describe("a refresh token", () => {
  test.each([1, 2, 10, 9_999_999_999])("is read back with its session and generation %i", async (generation) => {
    const tokens = await createRefreshTokens({ secret: SECRET });
    const content = { sessionId: SESSION, generation };
    expect(await tokens.read(await tokens.mint(content))).toEqual(content);
  });

  test("is the same each time: a lost answer can be given again without storing it", async () => {
    const tokens = await createRefreshTokens({ secret: SECRET });
    const content = { sessionId: SESSION, generation: 3 };
    expect(await tokens.mint(content)).toBe(await tokens.mint(content));
  });

  test("is this one, here and in workerd (test/workers/keys.test.ts has the same)", async () => {
    const tokens = await createRefreshTokens({ secret: SECRET });
    expect(await tokens.mint({ sessionId: SESSION, generation: 1 })).toBe(
      "0a1b2c3d-0a1b-4c2d-8e3f-0a1b2c3d4e5f.1.rFhLDBxhoPgXtzihmzfrmsOxcLCchrpWvMmp8R06bYk",
    );
  });

  test("is read by every instance that has the secret", async () => {
    const token = await (await createRefreshTokens({ secret: SECRET })).mint({ sessionId: SESSION, generation: 1 });
    expect(await (await createRefreshTokens({ secret: SECRET })).read(token)).toBeDefined();
  });

  test("carries no more than is needed, and fits the field's limit", async () => {
    const token = await (await createRefreshTokens({ secret: SECRET })).mint({ sessionId: SESSION, generation: 1 });
    expect(token).toMatch(/^[A-Za-z0-9._-]+$/);
    expect(token.length).toBeLessThan(128);
  });
});

describe("J-25: with two secrets", () => {
  const OLD = SECRET;
  const NEW = "another-secret-another-secret-another";
  const content = { sessionId: SESSION, generation: 2 };

  test("tokens of both are read, and minted are those of the first", async () => {
    const old = await createRefreshTokens({ secret: OLD });
    const both = await createRefreshTokens({ secret: NEW, previousSecret: OLD });
    const renewed = await createRefreshTokens({ secret: NEW });
    expect(await both.read(await old.mint(content))).toEqual(content);
    expect(await both.read(await both.mint(content))).toEqual(content);
    expect(await both.mint(content)).toBe(await renewed.mint(content));
  });

  test("a withdrawn secret's are read no more", async () => {
    const old = await createRefreshTokens({ secret: OLD });
    const renewed = await createRefreshTokens({ secret: NEW });
    expect(await renewed.read(await old.mint(content))).toBeUndefined();
  });

  test("a third secret's are not read", async () => {
    const third = await createRefreshTokens({ secret: "a-third-secret-a-third-secret-a-third" });
    const both = await createRefreshTokens({ secret: NEW, previousSecret: OLD });
    expect(await both.read(await third.mint(content))).toBeUndefined();
  });
});

describe("what this gateway did not mint", () => {
  const [ONE, TWO] = [1, 2].map((generation) => ({ sessionId: SESSION, generation })) as [
    { sessionId: string; generation: number },
    { sessionId: string; generation: number },
  ];

  test("the next generation under the old MAC", async () => {
    const tokens = await createRefreshTokens({ secret: SECRET });
    const mac = (await tokens.mint(ONE)).split(".")[2];
    expect(await tokens.read(`${SESSION}.2.${mac}`)).toBeUndefined();
  });

  test("another session under the MAC", async () => {
    const tokens = await createRefreshTokens({ secret: SECRET });
    const [, generation, mac] = (await tokens.mint(TWO)).split(".");
    expect(await tokens.read(`${SESSION.replace("0", "1")}.${generation}.${mac}`)).toBeUndefined();
  });

  test("a MAC with one letter changed, at every place", async () => {
    const tokens = await createRefreshTokens({ secret: SECRET });
    const token = await tokens.mint(ONE);
    const start = token.lastIndexOf(".") + 1;
    // The last letter aside: two of its bits are unused.
    const forged = Array.from({ length: 42 }, (_, index) => start + index).map(
      (at) => token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1),
    );
    for (const each of forged) expect(await tokens.read(each)).toBeUndefined();
  });

  test("the same content under another secret", async () => {
    const token = await (await createRefreshTokens({ secret: "another-secret-another-secret-another" })).mint(ONE);
    expect(await (await createRefreshTokens({ secret: SECRET })).read(token)).toBeUndefined();
  });

  test("a MAC made with the secret itself, which signs access tokens", async () => {
    const content = new TextEncoder().encode(`${SESSION}.1`);
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(SECRET), algorithm, false, ["sign"]);
    const mac = Buffer.from(await crypto.subtle.sign("HMAC", key, content)).toString("base64url");
    expect(await (await createRefreshTokens({ secret: SECRET })).read(`${SESSION}.1.${mac}`)).toBeUndefined();
  });

  test("J-09: an access token", async () => {
    const options = { secret: SECRET, issuer: ISSUER, audience: AUDIENCE, lifetimeSeconds: 60, now: () => NOW_MS };
    const accessTokens = await createAccessTokens(options);
    const token = await accessTokens.mint({ userId: "user-1", role: Role.CLIENT, sessionId: SESSION });
    expect(await (await createRefreshTokens({ secret: SECRET })).read(token)).toBeUndefined();
  });

  const MAC = "A".repeat(43);
  test.each([
    ["", "nothing"],
    [".", "nothing in parts"],
    [`${SESSION}.1`, "no MAC"],
    [`${SESSION}.1.`, "an empty MAC"],
    [`${SESSION}.1.${MAC}`, "a MAC that somebody guessed"],
    [`${SESSION}.0.${MAC}`, "a generation that never is"],
    [`${SESSION}.-1.${MAC}`, "a generation below zero"],
    [`${SESSION}.01.${MAC}`, "a generation in another spelling: one token has one spelling"],
    [`${SESSION}.1e3.${MAC}`, "a generation in powers of ten"],
    [`${SESSION}.99999999999.${MAC}`, "a generation with more digits than we count"],
    [`short.1.${MAC}`, "a session's id that is none of ours"],
    [`${"s".repeat(65)}.1.${MAC}`, "a session's id without end"],
    [`${SESSION}.1.${MAC}=`, "a padded MAC"],
    [`${SESSION}.1.${MAC}A`, "a MAC that is too long"],
    [`${SESSION}.1.${MAC}.`, "a part too many"],
    [` ${SESSION}.1.${MAC}`, "a space in front"],
    [`${SESSION}.1.${MAC}\n`, "a line break behind"],
    ["x".repeat(1_000_000), "a megabyte"],
  ])("%.60j: %s", async (token) => {
    expect(await (await createRefreshTokens({ secret: SECRET })).read(token)).toBeUndefined();
  });
});
