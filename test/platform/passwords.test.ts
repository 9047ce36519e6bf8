import { scryptSync } from "node:crypto";
import { expect, test, vi } from "vitest";
import { createPasswords, defaultScryptCost } from "#platform/users/passwords.ts";

test("J-26 the default is OWASP's advice, and stands in the hash with a salt of 16 bytes", async () => {
  const hash = await createPasswords(defaultScryptCost).hash("Correct-horse-1");
  const [, algorithm, parameters, salt, key] = hash.split("$");
  expect([algorithm, parameters]).toEqual(["scrypt", "ln=17,r=8,p=1"]);
  expect(Buffer.from(salt!, "base64")).toHaveLength(16);
  // Computed once more by Node itself, so that the notation is not just our own belief.
  const options = { N: 2 ** 17, r: 8, p: 1, maxmem: 2 ** 28 };
  expect(key).toBe(scryptSync("Correct-horse-1", Buffer.from(salt!, "base64"), 32, options).toString("base64"));
});

test("a hash verifies its own password, and after the cost has changed as well", async () => {
  const hash = await createPasswords(2 ** 11).hash("Correct-horse-1");
  const { verify } = createPasswords(2 ** 10);
  expect(await verify("Correct-horse-1", hash)).toBe(true);
  expect(await verify("Wrong-horse-1", hash)).toBe(false);
});

test("the same password has another hash each time", async () => {
  const { hash } = createPasswords(2 ** 10);
  expect(await hash("Correct-horse-1")).not.toBe(await hash("Correct-horse-1"));
});

test("a letter is the same however a keyboard composes it", async () => {
  const { hash, verify } = createPasswords(2 ** 10);
  expect(await verify("Cafe\u0301-horse-1", await hash("Caf\u00e9-horse-1"))).toBe(true);
});

test("J-27 without a hash the same work is done, and the answer is no", async () => {
  const crypto = await import("node:crypto");
  const scrypt = vi.fn(crypto.scrypt);
  vi.doMock("node:crypto", () => ({ ...crypto, scrypt }));
  vi.resetModules();
  const { createPasswords } = await import("#platform/users/passwords.ts");
  vi.doUnmock("node:crypto");
  const { hash, verify } = createPasswords(2 ** 10);
  const known = await hash("Correct-horse-1");
  expect(await verify("Wrong-horse-1", known)).toBe(false);
  expect(await verify("Wrong-horse-1", undefined)).toBe(false);
  const [, wrong, nobody] = scrypt.mock.calls.map(([, salt, length, options]) => ({
    salt: (salt as Buffer).length,
    length,
    options,
  }));
  expect(nobody).toEqual(wrong);
});

test("a stored hash in another notation is an error, not a wrong password", async () => {
  await expect(createPasswords(2 ** 10).verify("Correct-horse-1", "$2b$10$abc")).rejects.toThrow(/notation/);
});
