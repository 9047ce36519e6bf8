import { readdir } from "node:fs/promises";
import { wrangler } from "../../scripts/wrangler-offline.ts";
import type { WorkerBundle } from "./runtime.ts";
import { readWranglerConfig } from "./wrangler-config.ts";

/** Builds what `wrangler deploy` would upload, minified as it would be, and reads from wrangler.toml how it is run. */
export async function buildWorkerBundle(directory: string): Promise<WorkerBundle> {
  await wrangler("deploy", "--dry-run", "--env", "", "--outdir", directory);
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
