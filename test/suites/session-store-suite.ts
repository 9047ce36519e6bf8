import { describe, expect, test } from "vitest";
import type { TokenInQuestion } from "#src/admission/admission-store.ts";
import {
  MAX_SESSIONS_PER_USER,
  ROTATION_GRACE_MS,
  type Session,
  type SessionStore,
} from "#src/identity/session-store.ts";

/** The time that a store is given. It starts now, so that a store may hand the end of a key's life to its server. */
export class TestClock {
  #nowMs = Date.now();

  readonly now = (): number => this.#nowMs;

  advance(ms: number): void {
    this.#nowMs += ms;
  }
}

/** What a store must be told an access token's lifetime is. */
export const SUITE_ACCESS_LIFETIME_SECONDS = 3_600;

const DAY_MS = 86_400_000;
/**
 * By hand, so that a change of the rule is noticed: a week from the access token's end; the cap on access tokens, and how
 * far the clocks of instances may be apart.
 */
const IDLE_MS = 7 * DAY_MS + 3_600_000;
const CLOCKS_APART_MS = 90_000;
const REVOKED_FOR_MS = DAY_MS + CLOCKS_APART_MS;

export interface SessionStoreUnderTest {
  readonly store: SessionStore;
  /** As what keeps its limits beside it asks. */
  readonly isRevoked: (token: TokenInQuestion) => Promise<boolean>;
}

/**
 * What every SessionStore must do. A store with a server of its own passes it on a server that others use as well:
 * every id here is new. Time passes on the clock alone, so an expiry that the server watches over is not enough; what
 * has expired by the clock must be gone, even while the server still has the key.
 */
export function sessionStoreSuite(
  name: string,
  open: (clock: TestClock) => SessionStoreUnderTest | Promise<SessionStoreUnderTest>,
): void {
  const setUp = async () => {
    const clock = new TestClock();
    const { store, isRevoked } = await open(clock);
    const begin = async (changes: Partial<Session> = {}): Promise<Session> => {
      const session = { sessionId: newId(), userId: newId(), expiresAtMs: clock.now() + 30 * DAY_MS, ...changes };
      await store.create(session);
      return session;
    };
    const isSessionRevoked = (sessionId: string) => isRevoked({ tokenId: newId(), sessionId });
    return { clock, store, begin, isRevoked, isSessionRevoked };
  };

  test(`${name}: can be asked whether it is usable`, async () => {
    const { store } = await setUp();
    await expect(store.demandUsable()).resolves.toBeUndefined();
  });

  describe(`${name}: a session`, () => {
    test("is found as it was made, and nothing more", async () => {
      const { store, begin } = await setUp();
      const session = await begin();
      expect(await store.find(session.sessionId)).toEqual({ ...session, generation: 1 });
    });

    test("is not found under an id that nobody has", async () => {
      const { store } = await setUp();
      expect(await store.find(newId())).toBeUndefined();
    });

    test("is found and rotated up to its end, and not after it", async () => {
      const { clock, store, begin } = await setUp();
      const { sessionId } = await begin({ expiresAtMs: clock.now() + 60_000 });
      clock.advance(59_999);
      expect(await store.find(sessionId)).toBeDefined();
      expect(await store.rotate(sessionId, 1)).toEqual({ kind: "rotated", generation: 2 });
      clock.advance(2);
      expect(await store.find(sessionId)).toBeUndefined();
      expect(await store.rotate(sessionId, 2)).toEqual({ kind: "unknown" });
    });

    test("does not live longer for being used: the end is absolute", async () => {
      const { clock, store, begin } = await setUp();
      const session = await begin({ expiresAtMs: clock.now() + 60_000 });
      clock.advance(30_000);
      await store.rotate(session.sessionId, 1);
      expect(await store.find(session.sessionId)).toEqual({ ...session, generation: 2 });
      clock.advance(30_001);
      expect(await store.find(session.sessionId)).toBeUndefined();
    });

    test("that is not used for long has ended before its absolute end (J-10: the idle limit)", async () => {
      const { clock, store, begin } = await setUp();
      const { sessionId } = await begin();
      clock.advance(IDLE_MS - 1);
      expect(await store.find(sessionId)).toBeDefined();
      clock.advance(1);
      expect(await store.find(sessionId)).toBeUndefined();
      expect(await store.rotate(sessionId, 1)).toEqual({ kind: "unknown" });
    });

    test("that is used lives on, up to its absolute end (J-10: the absolute limit)", async () => {
      const { clock, store, begin } = await setUp();
      const session = await begin({ expiresAtMs: clock.now() + 2 * IDLE_MS });
      for (const generation of [1, 2, 3]) {
        clock.advance(0.6 * IDLE_MS);
        expect(await store.rotate(session.sessionId, generation)).toEqual({
          kind: "rotated",
          generation: generation + 1,
        });
      }
      expect(await store.find(session.sessionId)).toEqual({ ...session, generation: 4 });
      clock.advance(0.2 * IDLE_MS);
      expect(await store.find(session.sessionId)).toBeUndefined();
    });

    test("does not live longer for a refresh token that is answered again", async () => {
      const { clock, store, begin } = await setUp();
      const { sessionId } = await begin();
      await store.rotate(sessionId, 1);
      clock.advance(ROTATION_GRACE_MS);
      expect(await store.rotate(sessionId, 1)).toMatchObject({ kind: "repeated" });
      clock.advance(IDLE_MS - ROTATION_GRACE_MS);
      expect(await store.find(sessionId)).toBeUndefined();
    });

    test("that ended by itself revokes nothing: its access tokens end by themselves too", async () => {
      const { clock, store, begin, isSessionRevoked } = await setUp();
      const { sessionId } = await begin({ expiresAtMs: clock.now() + 60_000 });
      clock.advance(60_001);
      await store.rotate(sessionId, 1);
      expect(await isSessionRevoked(sessionId)).toBe(false);
    });

    test("is one of several that a user may have", async () => {
      const { store, begin } = await setUp();
      const first = await begin();
      const second = await begin({ userId: first.userId });
      await store.rotate(first.sessionId, 1);
      expect(await store.rotate(second.sessionId, 1)).toEqual({ kind: "rotated", generation: 2 });
    });
  });

  describe(`${name}: rotation`, () => {
    test("counts generations one by one", async () => {
      const { store, begin } = await setUp();
      const { sessionId } = await begin();
      for (const generation of [1, 2, 3, 4]) {
        expect(await store.rotate(sessionId, generation)).toEqual({ kind: "rotated", generation: generation + 1 });
      }
    });

    test("of an unknown session is unknown", async () => {
      const { store, isSessionRevoked } = await setUp();
      const sessionId = newId();
      expect(await store.rotate(sessionId, 1)).toEqual({ kind: "unknown" });
      expect(await isSessionRevoked(sessionId)).toBe(false);
    });

    test("of a generation that has not been yet is unknown, and harms nobody", async () => {
      const { store, begin } = await setUp();
      const { sessionId } = await begin();
      expect(await store.rotate(sessionId, 2)).toEqual({ kind: "unknown" });
      expect(await store.rotate(sessionId, 1)).toEqual({ kind: "rotated", generation: 2 });
    });

    test("is answered again within the grace, its last moment included", async () => {
      const { clock, store, begin } = await setUp();
      const { sessionId } = await begin();
      await store.rotate(sessionId, 1);
      expect(await store.rotate(sessionId, 1)).toEqual({ kind: "repeated", generation: 2 });
      clock.advance(ROTATION_GRACE_MS);
      expect(await store.rotate(sessionId, 1)).toEqual({ kind: "repeated", generation: 2 });
    });

    test("is answered again with the newest generation, though the family has gone on", async () => {
      const { clock, store, begin } = await setUp();
      const { sessionId } = await begin();
      await store.rotate(sessionId, 1);
      clock.advance(4_000);
      await store.rotate(sessionId, 2);
      clock.advance(4_000);
      expect(await store.rotate(sessionId, 1)).toEqual({ kind: "repeated", generation: 3 });
      expect(await store.rotate(sessionId, 2)).toEqual({ kind: "repeated", generation: 3 });
      expect(await store.rotate(sessionId, 3)).toEqual({ kind: "rotated", generation: 4 });
    });

    test("has a grace that repeating does not prolong", async () => {
      const { clock, store, begin } = await setUp();
      const { sessionId } = await begin();
      await store.rotate(sessionId, 1);
      clock.advance(6_000);
      expect(await store.rotate(sessionId, 1)).toEqual({ kind: "repeated", generation: 2 });
      clock.advance(6_000);
      expect(await store.rotate(sessionId, 1)).toEqual({ kind: "replayed" });
    });

    test("has a grace for each generation: a newer one's does not bring an older one back", async () => {
      const { clock, store, begin } = await setUp();
      const { sessionId } = await begin();
      await store.rotate(sessionId, 1);
      clock.advance(8_000);
      await store.rotate(sessionId, 2);
      clock.advance(8_000);
      expect(await store.rotate(sessionId, 2)).toEqual({ kind: "repeated", generation: 3 });
      expect(await store.rotate(sessionId, 1)).toEqual({ kind: "replayed" });
    });
  });

  describe(`${name}: J-11 a replay after the grace`, () => {
    test("ends the family: its newest refresh token is worth nothing now", async () => {
      const { clock, store, begin } = await setUp();
      const { sessionId } = await begin();
      await store.rotate(sessionId, 1);
      clock.advance(ROTATION_GRACE_MS + 1);
      expect(await store.rotate(sessionId, 1)).toEqual({ kind: "replayed" });
      expect(await store.find(sessionId)).toBeUndefined();
      expect(await store.rotate(sessionId, 2)).toEqual({ kind: "unknown" });
      expect(await store.rotate(sessionId, 1)).toEqual({ kind: "unknown" });
    });

    test("is noticed however long ago it was replaced", async () => {
      const { clock, store, begin } = await setUp();
      const { sessionId } = await begin();
      for (const generation of [1, 2, 3, 4]) await store.rotate(sessionId, generation);
      clock.advance(IDLE_MS - 1);
      expect(await store.rotate(sessionId, 2)).toEqual({ kind: "replayed" });
    });

    test("ends the session's access tokens for as long as one can live", async () => {
      const { clock, store, begin, isSessionRevoked } = await setUp();
      const { sessionId } = await begin();
      await store.rotate(sessionId, 1);
      clock.advance(ROTATION_GRACE_MS + 1);
      await store.rotate(sessionId, 1);
      clock.advance(REVOKED_FOR_MS - 1);
      expect(await isSessionRevoked(sessionId)).toBe(true);
      clock.advance(2);
      expect(await isSessionRevoked(sessionId)).toBe(false);
    });

    test("leaves the user's other sessions alone", async () => {
      const { clock, store, begin, isSessionRevoked } = await setUp();
      const { sessionId, userId } = await begin();
      const other = await begin({ userId });
      await store.rotate(sessionId, 1);
      clock.advance(ROTATION_GRACE_MS + 1);
      await store.rotate(sessionId, 1);
      expect(await store.find(other.sessionId)).toEqual({ ...other, generation: 1 });
      expect(await isSessionRevoked(other.sessionId)).toBe(false);
    });
  });

  describe(`${name}: parallel calls`, () => {
    test("for one generation rotate once, and the others hear of the same successor", async () => {
      const { store, begin } = await setUp();
      const { sessionId } = await begin();
      const rotations = await Promise.all(Array.from({ length: 20 }, () => store.rotate(sessionId, 1)));
      const rotated = rotations.filter(({ kind }) => kind === "rotated");
      const repeated = rotations.filter(({ kind }) => kind === "repeated");
      expect([rotated.length, repeated.length]).toEqual([1, 19]);
      for (const rotation of rotations) expect(rotation).toMatchObject({ generation: 2 });
    });

    test("for one generation, wave after wave, keep one line of descent", async () => {
      const { store, begin } = await setUp();
      const { sessionId } = await begin();
      for (const generation of [1, 2, 3]) {
        const wave = await Promise.all(Array.from({ length: 5 }, () => store.rotate(sessionId, generation)));
        expect(wave.filter(({ kind }) => kind === "rotated")).toEqual([
          { kind: "rotated", generation: generation + 1 },
        ]);
      }
    });

    test("that replay end the family once, whoever comes first", async () => {
      const { clock, store, begin, isSessionRevoked } = await setUp();
      const { sessionId } = await begin();
      await store.rotate(sessionId, 1);
      clock.advance(ROTATION_GRACE_MS + 1);
      const rotations = await Promise.all([1, 1, 1].map((generation) => store.rotate(sessionId, generation)));
      expect(rotations.filter(({ kind }) => kind === "replayed")).toHaveLength(1);
      expect(rotations.filter(({ kind }) => kind === "unknown")).toHaveLength(2);
      expect(await isSessionRevoked(sessionId)).toBe(true);
    });

    test("of rotation and revocation leave the session ended", async () => {
      const { store, begin, isSessionRevoked } = await setUp();
      const { sessionId } = await begin();
      await Promise.all([store.rotate(sessionId, 1), store.revokeSession(sessionId), store.rotate(sessionId, 1)]);
      expect(await store.find(sessionId)).toBeUndefined();
      expect(await isSessionRevoked(sessionId)).toBe(true);
      for (const generation of [1, 2]) expect(await store.rotate(sessionId, generation)).toEqual({ kind: "unknown" });
    });
  });

  describe(`${name}: J-15 all sessions of a user`, () => {
    test("end together, with their access tokens", async () => {
      const { store, begin, isSessionRevoked } = await setUp();
      const first = await begin();
      const second = await begin({ userId: first.userId });
      await store.rotate(second.sessionId, 1);
      await store.revokeUser(first.userId);
      for (const { sessionId } of [first, second]) {
        expect(await store.find(sessionId)).toBeUndefined();
        expect(await isSessionRevoked(sessionId)).toBe(true);
        for (const generation of [1, 2]) expect(await store.rotate(sessionId, generation)).toEqual({ kind: "unknown" });
      }
    });

    test("are nobody else's", async () => {
      const { store, begin, isSessionRevoked } = await setUp();
      const mine = await begin();
      const theirs = await begin();
      await store.revokeUser(mine.userId);
      expect(await store.find(theirs.sessionId)).toEqual({ ...theirs, generation: 1 });
      expect(await isSessionRevoked(theirs.sessionId)).toBe(false);
    });

    test("are none of a user who has none, and that is no error", async () => {
      const { store } = await setUp();
      await expect(store.revokeUser(newId())).resolves.toBeUndefined();
    });

    test("do not include those that begin later: the user may sign in again", async () => {
      const { store, begin } = await setUp();
      const { userId } = await begin();
      await store.revokeUser(userId);
      const later = await begin({ userId });
      expect(await store.find(later.sessionId)).toEqual({ ...later, generation: 1 });
    });

    test("include one that has ended by itself but whose access tokens live on", async () => {
      const { clock, store, begin, isSessionRevoked } = await setUp();
      const { sessionId, userId } = await begin({ expiresAtMs: clock.now() + 60_000 });
      clock.advance(60_001);
      await store.revokeUser(userId);
      expect(await isSessionRevoked(sessionId)).toBe(true);
    });

    test("are at most so many: the one that was used longest ago ends when one more begins", async () => {
      const { clock, store, begin, isSessionRevoked } = await setUp();
      const userId = newId();
      const sessions: Session[] = [];
      for (let count = 0; count < MAX_SESSIONS_PER_USER; count += 1) {
        sessions.push(await begin({ userId }));
        clock.advance(10);
      }
      const [first, second, third] = sessions;
      await store.rotate(first!.sessionId, 1);
      clock.advance(10);
      const last = await begin({ userId });
      const found = await Promise.all([first!, second!, third!, last].map(({ sessionId }) => store.find(sessionId)));
      expect(found.map((session) => session !== undefined)).toEqual([true, false, true, true]);
      expect(await isSessionRevoked(second!.sessionId)).toBe(true);
      expect(await isSessionRevoked(third!.sessionId)).toBe(false);
    });

    test("that have ended make room before one that lives does", async () => {
      const { clock, store, begin } = await setUp();
      const userId = newId();
      const first = await begin({ userId });
      for (let count = 1; count < MAX_SESSIONS_PER_USER; count += 1) {
        const { sessionId } = await begin({ userId });
        if (count === 7) await store.revokeSession(sessionId);
      }
      clock.advance(10);
      await begin({ userId });
      expect(await store.find(first.sessionId)).toBeDefined();
    });
  });

  describe(`${name}: revocation`, () => {
    test("is none before there is one", async () => {
      const { begin, isRevoked } = await setUp();
      const { sessionId } = await begin();
      expect(await isRevoked({ tokenId: newId(), sessionId })).toBe(false);
      expect(await isRevoked({ tokenId: newId(), sessionId: undefined })).toBe(false);
    });

    test("of a session ends its family and every token of it, and no other's", async () => {
      const { store, begin, isSessionRevoked } = await setUp();
      const ended = await begin();
      const other = await begin({ userId: ended.userId });
      await store.revokeSession(ended.sessionId);
      expect(await store.find(ended.sessionId)).toBeUndefined();
      expect(await store.rotate(ended.sessionId, 1)).toEqual({ kind: "unknown" });
      expect(await isSessionRevoked(ended.sessionId)).toBe(true);
      expect(await store.find(other.sessionId)).toEqual({ ...other, generation: 1 });
      expect(await isSessionRevoked(other.sessionId)).toBe(false);
    });

    test("of a session lasts as long as an access token can live, and no longer", async () => {
      const { clock, store, begin, isSessionRevoked } = await setUp();
      const { sessionId } = await begin();
      await store.revokeSession(sessionId);
      clock.advance(REVOKED_FOR_MS - 1);
      expect(await isSessionRevoked(sessionId)).toBe(true);
      clock.advance(2);
      expect(await isSessionRevoked(sessionId)).toBe(false);
      expect(await store.find(sessionId)).toBeUndefined();
    });

    test("of a session that this store never knew is remembered: its tokens are good without it", async () => {
      const { store, isSessionRevoked } = await setUp();
      const sessionId = newId();
      await store.revokeSession(sessionId);
      expect(await isSessionRevoked(sessionId)).toBe(true);
    });

    test("twice is as good as once", async () => {
      const { store, begin, isSessionRevoked } = await setUp();
      const { sessionId } = await begin();
      await store.revokeSession(sessionId);
      await store.revokeSession(sessionId);
      expect(await isSessionRevoked(sessionId)).toBe(true);
    });

    test("of one token leaves the session and its other tokens alone", async () => {
      const { clock, store, begin, isSessionRevoked, isRevoked } = await setUp();
      const { sessionId } = await begin();
      const tokenId = newId();
      await store.revokeToken(tokenId, Math.floor(clock.now() / 1000) + 60);
      expect(await isRevoked({ tokenId, sessionId })).toBe(true);
      expect(await isRevoked({ tokenId, sessionId: undefined })).toBe(true);
      expect(await isSessionRevoked(sessionId)).toBe(false);
      expect(await store.rotate(sessionId, 1)).toEqual({ kind: "rotated", generation: 2 });
    });

    test("of one token lasts until it would have expired, also by the clock of another instance (R-24)", async () => {
      const { clock, store, isRevoked } = await setUp();
      const tokenId = newId();
      const expiresAtSeconds = Math.floor(clock.now() / 1000) + 60;
      await store.revokeToken(tokenId, expiresAtSeconds);
      clock.advance(expiresAtSeconds * 1000 + CLOCKS_APART_MS - clock.now() - 1);
      expect(await isRevoked({ tokenId, sessionId: undefined })).toBe(true);
      clock.advance(2);
      expect(await isRevoked({ tokenId, sessionId: undefined })).toBe(false);
    });

    test("of a token that has expired already is no error", async () => {
      const { clock, store } = await setUp();
      await expect(store.revokeToken(newId(), Math.floor(clock.now() / 1000) - 120)).resolves.toBeUndefined();
    });

    test("does not take a token's id for a session's, nor the other way round", async () => {
      const { clock, store, isSessionRevoked, isRevoked } = await setUp();
      const [id, other] = [newId(), newId()];
      await store.revokeToken(id, Math.floor(clock.now() / 1000) + 60);
      expect(await isSessionRevoked(id)).toBe(false);
      await store.revokeSession(other);
      expect(await isRevoked({ tokenId: other, sessionId: undefined })).toBe(false);
    });

    test("keeps ids apart that contain a store's own separators", async () => {
      const { clock, store, isSessionRevoked, isRevoked } = await setUp();
      const id = newId();
      await store.revokeToken(`sid:${id}`, Math.floor(clock.now() / 1000) + 60);
      await store.revokeSession(`jti:${id}`);
      expect(await isSessionRevoked(id)).toBe(false);
      expect(await isRevoked({ tokenId: id, sessionId: undefined })).toBe(false);
      expect(await isRevoked({ tokenId: `sid:${id}`, sessionId: undefined })).toBe(true);
    });
  });
}

/** New each time: a store's server may be shared. */
function newId(): string {
  return crypto.randomUUID();
}
