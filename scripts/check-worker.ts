import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wrangler } from "./wrangler-offline.ts";

/** The environments of wrangler.toml; "" is the one without a name. */
const ENVIRONMENTS = ["", "staging", "production"];

/** Everything that `wrangler deploy` does short of the upload, for each environment: no login, no network. */
async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "check-worker-"));
  try {
    for (const env of ENVIRONMENTS) {
      const said = await wrangler("deploy", "--dry-run", "--env", env, "--outdir", directory);
      const [size = "no size was told"] = /^Total Upload: .*$/m.exec(said) ?? [];
      process.stdout.write(`${env === "" ? "(no name)" : env}: ${size}\n`);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

main().catch((error: Error & { stdout?: string; stderr?: string }) => {
  process.stderr.write(`${error.stdout ?? ""}${error.stderr ?? error.stack}\n`);
  process.exit(1);
});
