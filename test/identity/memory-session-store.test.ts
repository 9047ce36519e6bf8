import { expect, test } from "vitest";
import { MemorySessionStore } from "#src/identity/memory-session-store.ts";
import { SUITE_ACCESS_LIFETIME_SECONDS, sessionStoreSuite, TestClock } from "../suites/session-store-suite.ts";

const accessLifetimeSeconds = SUITE_ACCESS_LIFETIME_SECONDS;

sessionStoreSuite("memory", ({ now }) => {
  const store = new MemorySessionStore({ now, accessLifetimeSeconds });
  return { store, isRevoked: (token) => store.isRevoked(token) };
});

function smallStore() {
  const clock = new TestClock();
  const store = new MemorySessionStore({ now: clock.now, accessLifetimeSeconds, maxEntries: 3 });
  const begin = (sessionId: string, lifetimeMs = 60_000) =>
    store.create({ sessionId, userId: "user-1", expiresAtMs: clock.now() + lifetimeMs });
  const found = async (...ids: string[]) =>
    (await Promise.all(ids.map((id) => store.find(id)))).map((session) => session?.sessionId);
  return { clock, store, begin, found };
}

test("a full store drops the oldest session, so that strangers cannot grow it", async () => {
  const { begin, found } = smallStore();
  for (const id of ["a", "b", "c", "d"]) await begin(id);
  expect(await found("a", "b", "c", "d")).toEqual([undefined, "b", "c", "d"]);
});

test("a full store drops what has expired before it drops what lives", async () => {
  const { clock, begin, found } = smallStore();
  await begin("a");
  await begin("short", 1_000);
  await begin("b");
  clock.advance(1_001);
  await begin("c");
  expect(await found("a", "b", "c")).toEqual(["a", "b", "c"]);
});

test("a full store has room for a session that begins again", async () => {
  const { begin, found } = smallStore();
  for (const id of ["a", "b", "c", "a"]) await begin(id);
  expect(await found("a", "b", "c")).toEqual(["a", "b", "c"]);
});

test("revocations are bounded by themselves: sessions do not push them out", async () => {
  const { store, begin } = smallStore();
  await store.revokeSession("revoked");
  for (const id of ["a", "b", "c", "d"]) await begin(id);
  expect(await store.isRevoked({ tokenId: "t", sessionId: "revoked" })).toBe(true);
});

test("revocations beyond the bound push out the oldest one", async () => {
  const { clock, store } = smallStore();
  const expiresAtSeconds = Math.floor(clock.now() / 1000) + 60;
  for (const id of ["a", "b", "c", "d"]) await store.revokeToken(id, expiresAtSeconds);
  const revoked = await Promise.all(
    ["a", "b", "d"].map((tokenId) => store.isRevoked({ tokenId, sessionId: undefined })),
  );
  expect(revoked).toEqual([false, true, true]);
});
