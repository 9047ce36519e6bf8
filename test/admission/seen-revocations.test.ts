import { expect, test } from "vitest";
import type { TokenInQuestion } from "#src/admission/admission-store.ts";
import { SeenRevocations } from "#src/admission/seen-revocations.ts";
import { MemorySessionStore } from "#src/identity/memory-session-store.ts";
import { ROTATION_GRACE_MS } from "#src/identity/session-store.ts";

const START_MS = Date.UTC(2030, 0, 2);
const LIFETIME_MS = 60_000;

function setUp() {
  let nowMs = START_MS;
  const now = () => nowMs;
  const stored = new MemorySessionStore({ now, accessLifetimeSeconds: LIFETIME_MS / 1000 });
  const seen = new SeenRevocations({ now, revokedForMs: LIFETIME_MS });
  const advance = (ms: number) => {
    nowMs += ms;
  };
  return { seen, stored, sessions: seen.watch(stored), advance };
}

function tokenOf(tokenId: string, sessionId: string | undefined): TokenInQuestion {
  return { tokenId, sessionId };
}

test("a session that this process ended is seen until its last access token has expired", async () => {
  const { seen, sessions, advance } = setUp();
  await sessions.revokeSession("s-1");
  expect(seen.has(tokenOf("t-1", "s-1"))).toBe(true);
  expect(seen.has(tokenOf("t-1", "s-2"))).toBe(false);
  expect(seen.has(tokenOf("t-1", undefined))).toBe(false);
  advance(LIFETIME_MS);
  expect(seen.has(tokenOf("t-1", "s-1"))).toBe(false);
});

test("a token that this process revoked is seen until it has expired", async () => {
  const { seen, sessions, advance } = setUp();
  await sessions.revokeToken("t-1", START_MS / 1000 + 5);
  expect(seen.has(tokenOf("t-1", undefined))).toBe(true);
  expect(seen.has(tokenOf("t-2", "t-1"))).toBe(false);
  advance(5_000);
  expect(seen.has(tokenOf("t-1", undefined))).toBe(false);
});

test("all sessions of a user that this process ended are seen to have ended, and no later one", async () => {
  const { seen, sessions, advance } = setUp();
  advance(5_000);
  await sessions.revokeUser("u-1");
  const ended = (userId: string, issuedAtMs: number) => seen.hasEnded({ userId, issuedAtSeconds: issuedAtMs / 1000 });
  expect(ended("u-1", START_MS)).toBe(true);
  expect(ended("u-2", START_MS)).toBe(false);
  expect(ended("u-1", START_MS + 5_000)).toBe(false);
  advance(LIFETIME_MS);
  expect(ended("u-1", START_MS)).toBe(false);
});

test("a session that a replayed refresh token ended is seen", async () => {
  const { seen, sessions, advance } = setUp();
  await sessions.create({ sessionId: "s-1", userId: "u-1", expiresAtMs: START_MS + 86_400_000 });
  await sessions.rotate("s-1", 1);
  expect(seen.has(tokenOf("t-1", "s-1"))).toBe(false);
  advance(ROTATION_GRACE_MS + 1);
  await sessions.rotate("s-1", 1);
  expect(seen.has(tokenOf("t-1", "s-1"))).toBe(true);
});

test("a revocation that the store refused has not happened", async () => {
  const { seen, stored } = setUp();
  stored.revokeSession = async () => {
    throw new Error("no answer");
  };
  await expect(seen.watch(stored).revokeSession("s-1")).rejects.toThrow("no answer");
  expect(seen.has(tokenOf("t-1", "s-1"))).toBe(false);
});
