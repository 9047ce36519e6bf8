import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

// Generates anew into a folder of its own and compares: a check must not change the tree that it checks.
const templates = [
  ["buf.gen.yaml", "proto", "src/gen"],
  ["test/proto/buf.gen.yaml", "test/proto", "test/gen"],
] as const;

const root = process.cwd();
const scratch = mkdtempSync(join(root, "node_modules", ".generated-"));
let stale = false;
try {
  for (const [template, , committed] of templates) {
    execFileSync("npx", ["buf", "generate", "--template", template, "--output", scratch], { stdio: "inherit" });
    try {
      execFileSync("diff", ["-r", join(scratch, committed), committed], { stdio: "inherit" });
    } catch {
      stale = true;
      process.stderr.write(`${committed} is stale: run npm run generate and commit what it changes\n`);
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exit(stale ? 1 : 0);
