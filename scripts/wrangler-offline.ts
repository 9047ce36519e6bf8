import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";

/** For wrangler without an account, a network or a person: it asks nobody anything, and reads no .env of the Node gateway. */
export const WRANGLER_OFFLINE: Readonly<Record<string, string>> = {
  CI: "true",
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV: "false",
};

const run = promisify(execFile);

/** Runs a command of wrangler to its end and answers what it said. Rejects with what it said where it failed. */
export async function wrangler(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ["--no-warnings", wranglerProgram(), ...args], {
    env: { ...process.env, ...WRANGLER_OFFLINE },
  });
  return stdout;
}

/** The file that Node runs. Not npx nor wrangler's launcher: each would be a process more between us and its end. */
export function wranglerProgram(): string {
  return createRequire(import.meta.url).resolve("wrangler");
}
