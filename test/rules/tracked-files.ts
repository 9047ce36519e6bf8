import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The repository's files whose names match, relative to its root, in alphabetical order. */
export function trackedFiles(pattern: RegExp): readonly string[] {
  const names = execFileSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8" }).split("\0");
  return names.filter((name) => name !== "" && pattern.test(name) && existsSync(`${ROOT}${name}`));
}

export function readTracked(name: string): string {
  return readFileSync(`${ROOT}${name}`, "utf8");
}

/** `file:line: text` for every line that matches, in every file whose name matches. */
export function linesThatMatch(files: RegExp, line: RegExp): readonly string[] {
  return trackedFiles(files).flatMap((name) =>
    readTracked(name)
      .split("\n")
      .flatMap((text, index) => (line.test(text) ? [`${name}:${index + 1}: ${text.trim().slice(0, 160)}`] : [])),
  );
}
