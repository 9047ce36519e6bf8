import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freePort } from "../platform/net/free-port.ts";
import { type ServiceName, startPlatform } from "../platform/platform.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

/** The real parts, on ports that the system chose, with a way to each that can be broken. */
export interface Stage {
  readonly gateways: readonly [string, string];
  /** What the operating system knows of the gateways' processes. */
  readonly processes: readonly GatewayProcess[];
  /** What the gateways sign tokens with. */
  readonly secret: string;
  readonly services: Readonly<Record<ServiceName, FaultProxy>>;
  /** Undefined for a drill that has no store, … */
  readonly redis: { readonly way: FaultProxy; flush(): Promise<void> } | undefined;
  /** The access token of a client, … */
  readonly token: string;
  /** … and a task of theirs. */
  readonly taskId: string;
  /** Takes everything down. */
  strike(): Promise<void>;
}

export interface GatewayProcess {
  /** Undefined while it lives. */
  exitCode(): number | null | undefined;
  residentMiB(): number;
  openFiles(): number;
}

export interface StageOptions {
  readonly redis?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeOptions?: readonly string[];
}

const SERVER = fileURLToPath(new URL("../src/node/server.ts", import.meta.url));
const ANY_PORTS = { users: 0, tasks: 0, recommendation: 0, orchestrator: 0, presence: 0 };
const URL_VARIABLES: Readonly<Record<ServiceName, string>> = {
  users: "USER_SERVICE_URL",
  tasks: "TASK_SERVICE_URL",
  recommendation: "RECOMMENDATION_SERVICE_URL",
  orchestrator: "ORCHESTRATOR_URL",
  presence: "PRESENCE_SERVICE_URL",
};

/** Sets the stage: the stand-in, Redis where the drill wants it, and two gateways, each a process. */
export async function setStage({
  redis: wantsRedis = false,
  env = {},
  nodeOptions = [],
}: StageOptions): Promise<Stage> {
  const cleanUps: (() => Promise<unknown>)[] = [];
  const strike = async () => {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp();
  };
  try {
    const platform = await startPlatform({ ports: ANY_PORTS, log: () => {}, scryptCost: 1024 });
    cleanUps.push(() => platform.stop());
    const ways = await Promise.all(
      Object.entries(platform.services).map(async ([name, { port }]) => {
        const way = await startFaultProxy(port);
        cleanUps.push(() => way.stop());
        return [name as ServiceName, way] as const;
      }),
    );
    const services = Object.fromEntries(ways) as Record<ServiceName, FaultProxy>;
    const redis = wantsRedis ? await startRedis(cleanUps) : undefined;
    const secret = randomBytes(32).toString("hex");
    const variables: Record<string, string> = {
      GATEWAY_HOST: "127.0.0.1",
      GATEWAY_PORT: "0",
      JWT_SECRET: secret,
      RATE_LIMIT_REQUESTS: "1000000",
      RATE_LIMIT_ANONYMOUS: "1000000",
      // What a drill shows of a service must not be what a cache remembers of it.
      CACHE_TTL: "0",
      LOG_LEVEL: "info",
      ...Object.fromEntries(ways.map(([name, { address }]) => [URL_VARIABLES[name], `http://${address}`])),
      ...(redis !== undefined && { REDIS_URL: `redis://${redis.way.address}` }),
      ...env,
    };
    const start = () => startGateway(variables, nodeOptions, cleanUps);
    const [first, second] = await Promise.all([start(), start()]);
    const gateways = [first.url, second.url] as const;
    const token = await registerClient(gateways[0]);
    const task = { title: "Drill", skill_tags: ["drill"], budget_lower_bound: 10, budget_upper_bound: 90 };
    const { task_id: taskId = "" } = await post(gateways[0], "/api/v1/tasks", task, token);
    return {
      gateways,
      processes: [first, second],
      secret,
      services,
      redis,
      token,
      taskId,
      strike,
    };
  } catch (error) {
    await strike();
    throw error;
  }
}

async function startGateway(
  env: Record<string, string>,
  nodeOptions: readonly string[],
  cleanUps: (() => Promise<unknown>)[],
): Promise<GatewayProcess & { readonly url: string }> {
  const child = spawn(process.execPath, [...nodeOptions, SERVER], { env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  cleanUps.push(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const url = await new Promise<string>((resolve, reject) => {
    void ended.then(() => reject(new Error("the gateway ended")));
    createInterface(child.stdout).on("line", (line) => {
      if (!line.includes('"listening"')) return;
      const { message, url } = JSON.parse(line);
      if (message === "listening") resolve(url);
    });
  });
  return {
    url,
    exitCode: () => child.exitCode ?? (child.signalCode === null ? undefined : null),
    residentMiB() {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
    },
    openFiles: () => readdirSync(`/proc/${child.pid}/fd`).length,
  };
}

async function startRedis(cleanUps: (() => Promise<unknown>)[]): Promise<NonNullable<Stage["redis"]>> {
  const directory = await mkdtemp(join(tmpdir(), "drill-redis-"));
  const port = await freePort();
  const child: ChildProcess = spawn(
    "redis-server",
    ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const failed = once(child, "error").then(([error]) => {
    throw new Error(`redis-server is needed for this drill: ${error.message}`);
  });
  const ended = once(child, "close");
  cleanUps.push(async () => {
    child.kill("SIGTERM");
    await ended;
    await rm(directory, { recursive: true });
  });
  const ready = (async () => {
    for await (const line of createInterface(child.stdout!)) if (line.includes("Ready to accept")) return;
  })();
  await Promise.race([ready, failed]);
  child.stdout!.resume();
  const way = await startFaultProxy(port);
  cleanUps.push(() => way.stop());
  return {
    way,
    async flush() {
      const cli = spawn("redis-cli", ["-p", String(port), "FLUSHALL"], { stdio: "ignore" });
      await once(cli, "close");
    },
  };
}

async function registerClient(gateway: string): Promise<string> {
  const email = `drill-${randomBytes(6).toString("hex")}@devmatch.example`;
  const account = { email, password: "Correct-horse-1", display_name: "Drill", user_type: "CLIENT" };
  const { access_token: token = "" } = await post(gateway, "/api/v1/auth/register", account);
  return token;
}

async function post(gateway: string, path: string, body: object, token?: string): Promise<Record<string, string>> {
  const response = await fetch(`${gateway}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, string>;
}
