import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
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
  const { stdout } = await run(process.execPath, [wranglerProgram(), ...args], {
    env: { ...process.env, ...WRANGLER_OFFLINE },
  });
  return stdout;
}

/** The file that Node runs. Not npx, which would be a process more, and one that signals do not reach. */
export function wranglerProgram(): string {
  const manifest = createRequire(import.meta.url).resolve("wrangler/package.json");
  return join(dirname(manifest), "bin", "wrangler.js");
}
