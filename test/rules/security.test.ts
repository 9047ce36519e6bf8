import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { readTracked } from "./tracked-files.ts";

const SECURITY = readTracked("SECURITY.md");
const ROWS = [...SECURITY.matchAll(/^\| (J-\d\d) \|.*\| (.+) \|$/gm)].map(([, id, tests]) => [
  id!,
  [...tests!.matchAll(/`([^`]+)`/g)].map(([, file]) => file!),
]) as [id: string, files: readonly string[]][];

test("SECURITY.md has a row for every line of the token checklist, J-01 to J-29", () => {
  const expected = Array.from({ length: 29 }, (_, index) => `J-${String(index + 1).padStart(2, "0")}`);
  expect(ROWS.map(([id]) => id)).toEqual(expected);
});

test.each(ROWS)("%s has a test of that name in every file that its row names", (id, files) => {
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) expect(readTracked(file), file).toContain(id);
});

test("SECURITY.md names no file that is not there", () => {
  const files = [...SECURITY.matchAll(/`((?:src|test)\/[^`]+\.ts)`/g)].map(([, file]) => file!);
  expect(files.length).toBeGreaterThan(20);
  expect(files.filter((file) => !existsSync(file))).toEqual([]);
});
