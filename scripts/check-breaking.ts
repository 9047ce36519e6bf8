import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";

// `buf breaking` against main. On main itself, which is where CI runs, the commit before stands for it.
const git = (...args: string[]) => execFileSync("git", args, { encoding: "utf8" }).trim();
const commitOf = (name: string) => {
  const { status, stdout } = spawnSync("git", ["rev-parse", "--verify", "--quiet", `${name}^{commit}`], {
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : undefined;
};

const head = commitOf("HEAD");
const main = commitOf(process.env.BREAKING_BASE ?? "origin/main") ?? commitOf("main");
// Outside of a checkout there is none of them.
const base = main === undefined || main === head ? commitOf("HEAD^") : main;
const hasContract = base !== undefined && git("ls-tree", "--name-only", base, "buf.yaml", "proto/").includes("proto");

if (!hasContract) {
  process.stdout.write("breaking changes: there is no earlier contract to compare with\n");
} else {
  // A copy without the modules of the tests: those may change as they like.
  const folder = ".cache/breaking";
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  execFileSync("sh", ["-c", `git archive ${base} buf.yaml proto | tar -x -C ${folder}`]);
  const { status } = spawnSync("npx", ["buf", "breaking", "proto", "--against", `${folder}/proto`], {
    stdio: "inherit",
  });
  process.stdout.write(status === 0 ? `breaking changes: none since ${base?.slice(0, 12)}\n` : "");
  process.exitCode = status ?? 1;
}
