import { expect, test } from "vitest";
import type { SharedAnswers, SharedValue } from "#src/upstream/shared-answers.ts";

/** What every store of shared answers does. `open` gives a view of one store, as each instance of the gateway has one. */
export function sharedAnswersSuite(open: () => SharedAnswers): void {
  /** A key that no other test has, so that one store may serve them all. */
  const newKey = () => `test.v1.S/Do?${crypto.randomUUID()}`;
  const newTag = () => `tag:${crypto.randomUUID()}`;
  const value = (...bytes: number[]): SharedValue => ({
    message: Uint8Array.from(bytes),
    askedAtMs: 1_800_000_000_000,
  });
  const LIFETIME_MS = 60_000;

  test("nothing is kept at first, and tags that no write has touched have a version all the same", async () => {
    const answer = await open().read(newKey(), [newTag(), newTag()]);
    expect(answer?.value).toBeUndefined();
    expect(answer?.versions).toHaveLength(2);
  });

  test("what one instance keeps, another reads, byte for byte", async () => {
    const [key, tags] = [newKey(), [newTag()]];
    const { versions } = (await open().read(key, tags))!;
    const every = value(...Array.from({ length: 256 }, (_, n) => n));
    await open().keep(key, versions, every, LIFETIME_MS);
    const read = await open().read(key, tags);
    expect(read?.value?.askedAtMs).toBe(every.askedAtMs);
    expect([...read!.value!.message]).toEqual([...every.message]);
  });

  test("a large and an empty one too", async () => {
    for (const message of [new Uint8Array(), new Uint8Array(256 * 1024).fill(200)]) {
      const [key, tags] = [newKey(), [newTag()]];
      const { versions } = (await open().read(key, tags))!;
      await open().keep(key, versions, { message, askedAtMs: 1 }, LIFETIME_MS);
      expect((await open().read(key, tags))?.value?.message).toEqual(message);
    }
  });

  test("a write ends what is kept under any of its tags, for every instance, and nothing else", async () => {
    const [touched, other, own] = [newTag(), newTag(), newTag()];
    const keys = [newKey(), newKey(), newKey()] as const;
    const tagsOf = [[touched, own], [other, touched], [other]] as const;
    for (const [index, key] of keys.entries()) {
      const tags = tagsOf[index]!;
      const { versions } = (await open().read(key, tags))!;
      await open().keep(key, versions, value(index), LIFETIME_MS);
    }
    await open().invalidate([touched]);
    const left = await Promise.all(keys.map((key, index) => open().read(key, tagsOf[index]!)));
    expect(left.map((answer) => answer?.value !== undefined)).toEqual([false, false, true]);
  });

  test("what was asked for before a write is not taken after it, however late it is kept", async () => {
    const [key, tags] = [newKey(), [newTag()]];
    const before = (await open().read(key, tags))!;
    await open().invalidate(tags);
    await open().keep(key, before.versions, value(1), LIFETIME_MS);
    const after = (await open().read(key, tags))!;
    expect(after.value).toBeUndefined();
    await open().keep(key, after.versions, value(2), LIFETIME_MS);
    expect((await open().read(key, tags))?.value?.message).toEqual(Uint8Array.of(2));
    await open().keep(key, before.versions, value(1), LIFETIME_MS);
    expect((await open().read(key, tags))?.value, "nor does it hide that it is old").toBeUndefined();
  });

  test("a write to nothing is none", async () => {
    await expect(open().invalidate([])).resolves.toBeUndefined();
  });
}
