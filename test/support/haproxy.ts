import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A balancer in front of gateways. */
export interface RunningHaproxy {
  /** The Unix socket that clients connect to: no port to collide with anybody's. */
  readonly socketPath: string;
  stop(): Promise<void>;
}

/**
 * Starts HAProxy over servers (`host:port`) with what an operator would write: readiness asked often, connections kept
 * in both directions, a try on another server where none was made, and no second try of a request that was sent.
 */
export async function startHaproxy(program: string, servers: readonly string[]): Promise<RunningHaproxy> {
  const directory = await mkdtemp(join(tmpdir(), "haproxy-"));
  const socketPath = join(directory, "front.sock");
  const configPath = join(directory, "haproxy.cfg");
  await writeFile(configPath, configuration(socketPath, servers));
  const child = spawn(program, ["-db", "-f", configPath], { stdio: "ignore" });
  const ended = once(child, "close");
  await Promise.race([
    untilReady(socketPath),
    ended.then(([code]) => {
      throw new Error(`haproxy ended with ${code}`);
    }),
  ]);
  return {
    socketPath,
    async stop() {
      child.kill("SIGTERM");
      await ended;
      await rm(directory, { recursive: true });
    },
  };
}

/** Until a request comes through to a server. */
async function untilReady(socketPath: string): Promise<void> {
  for (;;) {
    const status = await new Promise((resolve) => {
      const request = http.get({ socketPath, path: "/health/ready", agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.once("error", () => resolve(undefined));
    });
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function configuration(socketPath: string, servers: readonly string[]): string {
  const rows = servers.map((address, index) => `  server gateway-${index} ${address} check inter 100ms fall 1 rise 1`);
  return `
global
  maxconn 1000
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  timeout check 5s
  option redispatch
  retries 3
frontend clients
  bind unix@${socketPath} mode 666
  default_backend gateways
backend gateways
  balance roundrobin
  option httpchk GET /health/ready
  http-check expect status 200
${rows.join("\n")}
`;
}
