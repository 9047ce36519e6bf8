import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { WorkerBundle } from "./runtime.ts";

/** The Worker in a workerd of its own. */
export interface RunningWorker {
  readonly url: string;
  /** All that workerd itself has complained about: errors that nobody caught stand here. */
  readonly stderr: () => string;
  stop(): Promise<void>;
}

export interface StartWorkerOptions {
  /** Variables and secrets, beside those of wrangler.toml. */
  readonly variables: Readonly<Record<string, string>>;
  /** Takes each line of the Worker's console. */
  readonly writeLog: (line: string) => void;
}

let startedSoFar = 0;
/** A test run that ends without stopping what it has started must not leave it behind. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Runs the bundle under workerd, the program that Cloudflare runs it under, and on a port that the system chose. No
 * wrangler in between: this starts in a tenth of a second, and what a test meets is the Worker and not a proxy.
 */
export async function startWorker(
  bundle: WorkerBundle,
  { variables, writeLog }: StartWorkerOptions,
): Promise<RunningWorker> {
  startedSoFar += 1;
  const configPath = join(bundle.directory, `config-${process.pid}-${startedSoFar}.capnp`);
  const objectsPath = join(bundle.directory, `objects-${process.pid}-${startedSoFar}`);
  await mkdir(objectsPath);
  await writeFile(configPath, configOf(bundle, { ...bundle.variables, ...variables }, objectsPath));
  const child = spawn(workerdPath(), ["serve", configPath, "--control-fd=3"], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  running.add(child);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve())).then(() => {
    running.delete(child);
  });
  let stderr = "";
  child.stderr!.on("data", (chunk) => {
    stderr += chunk;
  });
  createInterface({ input: child.stdout! }).on("line", writeLog);
  const port = await untilListening(child).catch((error: Error) => {
    throw new Error(`workerd did not start: ${stderr}`, { cause: error });
  });
  await rm(configPath);
  return {
    url: `http://127.0.0.1:${port}`,
    stderr: () => stderr,
    async stop() {
      // At once: workerd would wait for what its clients keep open.
      child.kill("SIGKILL");
      await ended;
      await rm(objectsPath, { recursive: true });
    },
  };
}

/** Workerd says on this descriptor, a JSON object a line, which port it got. */
async function untilListening(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
    const { event, port } = JSON.parse(line) as { event: string; port?: number };
    if (event === "listen" && port !== undefined) return port;
  }
  throw new Error("it ended");
}

/** The package's own launcher is a Node program; what it launches starts in half the time. */
function workerdPath(): string {
  const require = createRequire(createRequire(import.meta.url).resolve("wrangler"));
  return (require("workerd") as { default: string }).default;
}

/** Workerd's configuration. What wrangler.toml says of the Worker stands in the bundle; nothing else is made up here. */
function configOf(bundle: WorkerBundle, variables: Readonly<Record<string, string>>, objectsPath: string): string {
  const { main, modules, compatibilityDate, compatibilityFlags, objects } = bundle;
  // The first is the entry.
  const ordered = [main, ...modules.filter((name) => name !== main)];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "gateway", worker = .gateway),
    (name = "internet", network = (allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true))),
    (name = "objects", disk = (path = ${text(objectsPath)}, writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "gateway")],
);
const gateway :Workerd.Worker = (
  modules = [${ordered.map((name) => `(name = ${text(name)}, esModule = embed ${text(name)})`).join(", ")}],
  compatibilityDate = ${text(compatibilityDate)},
  compatibilityFlags = [${compatibilityFlags.map(text).join(", ")}],
  bindings = [
    ${Object.entries(variables)
      .map(([name, value]) => `(name = ${text(name)}, text = ${text(value)}),`)
      .join("\n    ")}
    ${objects.map(({ binding, className }) => `(name = ${text(binding)}, durableObjectNamespace = ${text(className)}),`).join("\n    ")}
  ],
  durableObjectNamespaces = [
    ${objects.map(({ className }) => `(className = ${text(className)}, uniqueKey = ${text(className)}, enableSql = true),`).join("\n    ")}
  ],
  # In memory, objects have no SQL.
  durableObjectStorage = (localDisk = "objects"),
);
`;
}

/** Cap'n Proto's texts are JSON's, but for \\u. */
function text(value: string): string {
  return JSON.stringify(value);
}
