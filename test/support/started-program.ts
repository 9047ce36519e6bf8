import { type ChildProcess, spawn } from "node:child_process";

/** A program of the project, running as a process of its own. */
export interface StartedProgram {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Settles when standard error has matched; rejects when the process ends first. */
  untilSaid(pattern: RegExp): Promise<RegExpExecArray>;
  /** Asks the process and everything that it started to end, as Ctrl-C in a terminal does, and waits for it. */
  end(): Promise<void>;
  /** Asks the process alone to end, as a supervisor does that knows nothing of its children: answers its exit code. */
  terminate(): Promise<number | null>;
  /** Ends all of it at once. */
  kill(): Promise<void>;
}

/** Ports that the system chooses, for everything that `npm start` starts. */
export const ANY_PORTS: Readonly<Record<string, string>> = {
  GATEWAY_HOST: "127.0.0.1",
  GATEWAY_PORT: "0",
  PLATFORM_USER_PORT: "0",
  PLATFORM_TASK_PORT: "0",
  PLATFORM_RECOMMENDATION_PORT: "0",
  PLATFORM_ORCHESTRATOR_PORT: "0",
  PLATFORM_PRESENCE_PORT: "0",
};

/** Starts a command in a process group of its own, so that ending it leaves nothing behind. */
export function startProgram(
  command: readonly [string, ...string[]],
  { cwd = process.cwd(), env }: { readonly cwd?: string; readonly env: Readonly<Record<string, string>> },
): StartedProgram {
  const [file, ...args] = command;
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));

  return {
    stdout: () => stdout,
    stderr: () => stderr,
    untilSaid(pattern) {
      return new Promise((resolve, reject) => {
        const look = () => {
          const found = pattern.exec(stderr);
          if (found !== null) resolve(found);
        };
        child.stderr.on("data", look);
        look();
        ended.then((code) => reject(new Error(`it ended with ${code} and had said ${stderr}${stdout}`)), reject);
      });
    },
    async end() {
      signalGroup(child, "SIGTERM");
      await ended;
    },
    terminate() {
      child.kill("SIGTERM");
      return ended;
    },
    async kill() {
      signalGroup(child, "SIGKILL");
      await ended;
    },
  };
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // All of it has ended already.
  }
}
