import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const SERVER = fileURLToPath(new URL("../../src/node/server.ts", import.meta.url));

/** `npm run gateway` as a process of its own. */
export interface GatewayProcess {
  readonly stderr: () => string;
  /** Every line so far, parsed: the process writes nothing else. */
  readonly log: () => readonly Record<string, unknown>[];
  /** Settles with the line that has this message; rejects when the process ends first. */
  untilLogged(message: string): Promise<Record<string, unknown>>;
  signal(name: NodeJS.Signals): void;
  /** Goes away as the reader of its log. */
  stopReading(): void;
  /** The exit code; null for a process that a signal has ended. */
  readonly ended: Promise<number | null>;
}

/**
 * Starts the gateway with these variables and no others, under the Node that runs the tests. What is left of it when
 * the test has finished is killed.
 */
export function startGatewayProcess(
  env: Readonly<Record<string, string>>,
  { nodeOptions = [] }: { readonly nodeOptions?: readonly string[] } = {},
): GatewayProcess {
  const child = spawn(process.execPath, [...nodeOptions, SERVER], {
    env: { ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const lines: Record<string, unknown>[] = [];
  let unfinished = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    const parts = (unfinished + chunk).split("\n");
    unfinished = parts.pop()!;
    for (const line of parts) lines.push(JSON.parse(line));
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  return {
    stderr: () => stderr,
    log: () => lines,
    untilLogged(message) {
      return new Promise((resolve, reject) => {
        let seen = 0;
        const look = () => {
          while (seen < lines.length) {
            const line = lines[seen++]!;
            if (line.message !== message) continue;
            child.stdout.off("data", look);
            return resolve(line);
          }
        };
        child.stdout.on("data", look);
        look();
        const said = () => `${stderr}${JSON.stringify(lines.slice(-20))}`;
        ended.then((code) => reject(new Error(`it ended with ${code}, and had said ${said()}`)), reject);
      });
    },
    signal: (name) => child.kill(name),
    stopReading: () => child.stdout.destroy(),
    ended,
  };
}
