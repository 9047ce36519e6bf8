import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WRANGLER_OFFLINE, wranglerProgram } from "../scripts/wrangler-offline.ts";
import { StartError } from "./start-error.ts";

/** `wrangler dev`, as a process of its own. */
export interface WranglerDev {
  /** Its URL, when it answers. Rejects with a StartError when it ends before. */
  readonly ready: Promise<string>;
  /** Settles when the process has ended, however. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

export interface WranglerDevOptions {
  /** 0 lets the system choose. */
  readonly port: number;
  /** A developer's own file of variables, where there is one. */
  readonly ownVariablesPath: string | undefined;
  /** What counts where both have it. */
  readonly variables: Readonly<Record<string, string>>;
}

const READY = /Ready on (http:\S+)/;

/**
 * Starts the Worker on this machine, without an account and without a network. What it writes goes to our standard
 * output. Variables go by a file that only its owner can read: what stands on a command line, everybody can.
 */
export async function startWranglerDev(options: WranglerDevOptions): Promise<WranglerDev> {
  const { port, ownVariablesPath, variables } = options;
  const directory = await mkdtemp(join(tmpdir(), "devmatch-dev-workers-"));
  const variablesPath = join(directory, "variables.env");
  const lines = Object.entries(variables).map(([name, value]) => `${name}='${value}'\n`);
  await writeFile(variablesPath, lines.join(""), { mode: 0o600 });
  const args = [
    ...["dev", "--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0"],
    ...(ownVariablesPath === undefined ? [] : ["--env-file", ownVariablesPath]),
    ...["--env-file", variablesPath, "--persist-to", join(directory, "state"), "--show-interactive-dev-session=false"],
  ];
  const child = spawn(process.execPath, ["--no-warnings", wranglerProgram(), ...args], {
    // The files that are named are the only ones that are read, but they would not be without this.
    env: { ...process.env, ...WRANGLER_OFFLINE, CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV: "true" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  // Whatever ends us must not leave it behind.
  process.on("exit", () => child.kill());
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve())).then(() =>
    rm(directory, { recursive: true, force: true }),
  );
  const ready = new Promise<string>((resolve, reject) => {
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => {
      process.stdout.write(chunk);
      if (said.length < 100_000) said += chunk;
      const url = READY.exec(said)?.[1];
      if (url !== undefined) resolve(url);
    });
    void ended.then(() => reject(new StartError("wrangler dev has ended before it was ready")));
  });
  return {
    ready,
    ended,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
