import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { Redis } from "ioredis";

// Named exports of a CommonJS package are unknown where the Workers' project of vitest runs its global setup.
const ioredis = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

/** Upstash's REST protocol in front of a real Redis. */
export interface UpstashShim {
  /** Without a slash at its end. */
  readonly url: string;
  readonly token: string;
  /** What becomes of the next requests, one each; beyond them all is well. */
  readonly faults: Fault[];
  /** Which requests the faults are for, by their bodies: all, unless a test says otherwise. */
  isFaulty: (body: string) => boolean;
  stop(): Promise<void>;
}

/** `lost`: the commands do not run. `lost-reply`: they run, and nobody hears of it. Both cut the connection. */
export type Fault = "none" | "lost" | "lost-reply";

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Starts one, on a port that the system chooses. */
export async function startUpstashShim(redisUrl: string): Promise<UpstashShim> {
  const redis = new ioredis.Redis(redisUrl, { protocol: 2, enableReadyCheck: true });
  redis.on("error", () => {});
  const token = "shim-token-that-is-no-secret";
  const faults: Fault[] = [];

  const shim = { faults, token, isFaulty: (_body: string) => true };

  const answer = async (request: IncomingMessage, text: string): Promise<Answer> => {
    if (request.headers.authorization !== `Bearer ${token}`) return { status: 401, body: { error: "Unauthorized" } };
    const body: unknown = JSON.parse(text);
    const encode = request.headers["upstash-encoding"] === "base64" ? toBase64 : (value: unknown) => value;
    if (request.url === "/pipeline") {
      const commands = body as (string | number)[][];
      return { status: 200, body: await Promise.all(commands.map((command) => runOne(redis, command, encode))) };
    }
    if (request.url === "/") {
      const reply = await runOne(redis, body as (string | number)[], encode);
      return { status: "error" in reply ? 400 : 200, body: reply };
    }
    return { status: 404, body: { error: "Not Found" } };
  };

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const text = await readAll(request).catch(() => "");
    const fault = (shim.isFaulty(text) && faults.shift()) || "none";
    if (fault === "lost") return response.destroy();
    const { status, body } = await answer(request, text).catch(() => ({
      status: 400,
      body: { error: "ERR bad request" },
    }));
    if (fault === "lost-reply") return response.destroy();
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  };
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return Object.assign(shim, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      redis.disconnect();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

async function runOne(redis: Redis, [name, ...args]: (string | number)[], encode: (value: unknown) => unknown) {
  try {
    return { result: encode(await redis.call(String(name).toUpperCase(), ...args)) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : "ERR" };
  }
}

/** As Upstash does: every text but "OK". */
function toBase64(value: unknown): unknown {
  if (typeof value === "string") return value === "OK" ? value : Buffer.from(value).toString("base64");
  return Array.isArray(value) ? value.map(toBase64) : value;
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
