import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";
import { freePort } from "#platform/net/free-port.ts";
import { installed } from "./installed.ts";

/** A real Redis of this test's own, on a port that the system chose, which keeps nothing. */
export interface RedisServer {
  readonly port: number;
  /** `redis://127.0.0.1:…` */
  readonly url: string;
  /** The process stands still, and its connections with it, until it is resumed. */
  pause(): void;
  resume(): void;
  /** Ends the process at once: nothing is answered, connections are reset. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(...options: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** Undefined where it is not installed. */
export const redisProgram = installed("redis-server");

/** Suites that need a real Redis. */
export function describeWithRedis(name: string, suite: () => void): void {
  describe.runIf(redisProgram !== undefined)(name, suite);
}

/** Starts one. `options` are redis-server's own, e.g. `--maxmemory`, `1mb`. */
export async function startRedisServer(...options: readonly string[]): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), "gateway-redis-"));
  // Redis does not let the system choose a port. Between asking and taking it somebody else may be quicker.
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return running(port, directory, await launch(port, directory, options));
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}

function running(port: number, directory: string, first: ChildProcess): RedisServer {
  let child = first;
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  };
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    kill,
    async restart(...options) {
      await kill();
      child = await launch(port, directory, options);
    },
    async stop() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function launch(port: number, directory: string, options: readonly string[]): Promise<ChildProcess> {
  const child = spawn(
    redisProgram ?? "redis-server",
    ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory, ...options],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  return new Promise((resolve, reject) => {
    let said = "";
    child.stdout.on("data", (chunk) => {
      said += chunk;
      if (said.includes("Ready to accept connections")) resolve(child);
    });
    child.once("exit", () => reject(new Error(`redis-server did not start: ${said.slice(-500)}`)));
  });
}
