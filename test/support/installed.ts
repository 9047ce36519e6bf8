import { execFileSync } from "node:child_process";

/**
 * Where a program is that not every machine has, or undefined: then the tests that need it are left out, aloud. In CI it
 * must be there.
 */
export function installed(program: string): string | undefined {
  try {
    return execFileSync("which", [program], { encoding: "utf8" }).trim();
  } catch {
    if (process.env.CI) throw new Error(`CI needs ${program}: add it to .ci/run`);
    process.stderr.write(`${program} is not installed: the tests that need it are left out\n`);
    return undefined;
  }
}
