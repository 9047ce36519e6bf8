import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { promisify } from "node:util";
import type { WorkerBundle } from "./runtime.ts";
import { readWranglerConfig } from "./wrangler-config.ts";

/** For wrangler without an account, a network or a person: it asks nobody anything. */
export const WRANGLER_OFFLINE: Readonly<Record<string, string>> = {
  CI: "true",
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
};

const run = promisify(execFile);

/** Builds what `wrangler deploy` would upload, minified as it would be, and reads from wrangler.toml how it is run. */
export async function buildWorkerBundle(directory: string): Promise<WorkerBundle> {
  const args = ["wrangler", "deploy", "--dry-run", "--outdir", directory];
  await run("npx", args, { env: { ...process.env, ...WRANGLER_OFFLINE } });
  const config = readWranglerConfig();
  return {
    directory,
    main: "worker.js",
    modules: (await readdir(directory)).filter((name) => name.endsWith(".js")),
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags,
    objects: config.durable_objects.bindings.map(({ name, class_name }) => ({ binding: name, className: class_name })),
    variables: Object.fromEntries(Object.entries(config.vars).map(([name, value]) => [name, String(value)])),
  };
}
