import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Redis as Client } from "ioredis";
import { describe } from "vitest";
import { type Redis, RedisError, type RedisReply } from "#src/store/redis.ts";

export interface RedisServer {
  readonly path: string;
  stop(): Promise<void>;
}

const available = spawnSync("redis-server", ["--version"]).status === 0;
if (!available && process.env.CI) throw new Error("redis-server is not installed, and CI must not do without");

export function describeWithRedis(name: string, suite: () => void): void {
  if (!available) process.stderr.write(`left out, since redis-server is not installed: ${name}\n`);
  describe.runIf(available)(name, suite);
}

export async function startRedisServer(): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), "gateway-limits-"));
  const path = join(directory, "redis.sock");
  const child = spawn("redis-server", ["--port", "0", "--unixsocket", path, "--save", "", "--dir", directory]);
  const client = new Client({ path, retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on("error", () => {});
  while ((await client.ping().catch(() => "")) !== "PONG") await setTimeout(20);
  client.disconnect();
  return {
    path,
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
      await rm(directory, { recursive: true });
    },
  };
}

export function openRedis({ path }: RedisServer): Redis & { close(): void } {
  const client = new Client({ path, protocol: 2 });
  return {
    async run(commands) {
      const pipeline = client.pipeline();
      for (const [name, ...args] of commands) pipeline.call(name, ...args);
      const replies = (await pipeline.exec()) ?? [];
      return replies.map(([error, reply]) => (error === null ? (reply as RedisReply) : new RedisError(error.message)));
    },
    close: () => client.disconnect(),
  };
}
