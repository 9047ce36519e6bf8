import { randomBytes } from "node:crypto";
import { ConfigError } from "#src/config.ts";
import { runUntilStopped } from "#src/node/run-until-stopped.ts";
import { type RunningGateway, startGateway } from "#src/node/start-gateway.ts";
import { UPSTREAM_SERVICES } from "#src/upstream/services.ts";
import { demoClients, demoPassword } from "./demo/demo-data.ts";
import {
  platformOptionsFromEnv,
  type RunningPlatform,
  type ServiceName,
  StartError,
  startPlatform,
} from "./platform.ts";
import { services } from "./services.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type PartialPlatform = RunningPlatform<Partial<RunningPlatform["services"]>>;

/** The variable of the gateway that says where each service is. */
const URL_VARIABLES: readonly (readonly [ServiceName, string])[] = [
  ...UPSTREAM_SERVICES.map(({ key, urlVariable }) => [key, urlVariable] as const),
  ["presence", "PRESENCE_SERVICE_URL"],
];

/** Whoever presses Ctrl-C on a laptop wants it to end. */
const NO_BALANCER: Environment = { SHUTDOWN_DELAY: "0" };

/**
 * `npm start`: the stand-in and the gateway in one process, over real sockets. A service whose address is in the
 * environment is used in place of the stand-in's. The log goes to standard output, everything for people to the other.
 */
async function main(): Promise<void> {
  const env: Environment = process.env;
  const missing = URL_VARIABLES.filter(([, variable]) => (env[variable] ?? "") === "");
  // Demo data unless told otherwise (PLATFORM_SEED set, if only to nothing): whoever starts this wants to look around.
  const options = { ...platformOptionsFromEnv(env), only: missing.map(([name]) => name) };
  const seed = options.seed ?? env.PLATFORM_SEED === undefined;
  const platform: PartialPlatform = await startPlatform({ ...options, seed });
  const addresses = Object.fromEntries(missing.map(([name, variable]) => [variable, platform.services[name]?.url]));
  const secretMadeUp = (env.JWT_SECRET ?? "") === "";
  const secret = secretMadeUp ? { JWT_SECRET: randomBytes(32).toString("base64url") } : {};
  const gateway = await startGateway({ env: { ...NO_BALANCER, ...env, ...addresses, ...secret } }).catch(
    async (error: unknown) => {
      await platform.stop();
      throw error;
    },
  );
  await untilAnswering(gateway.url);
  process.stderr.write(welcome({ platform, gateway, env, seed, secretMadeUp }));
  runUntilStopped({
    logger: gateway.logger,
    async stop() {
      const finished = await gateway.stop();
      await platform.stop();
      return finished;
    },
  });
}

/** The gateway asks every service, so one answer of its own speaks for all of them. */
async function untilAnswering(gatewayUrl: string): Promise<void> {
  const response = await fetch(`${gatewayUrl}/health/detailed`, { signal: AbortSignal.timeout(10_000) });
  const { services } = (await response.json()) as { services: Record<string, string> };
  for (const [label, verdict] of Object.entries(services)) {
    if (verdict === "unhealthy") process.stderr.write(`${label} does not answer yet; the gateway goes on without it\n`);
  }
}

interface Welcome {
  readonly platform: PartialPlatform;
  readonly gateway: RunningGateway;
  readonly env: Environment;
  readonly seed: boolean;
  readonly secretMadeUp: boolean;
}

function welcome({ platform, gateway, env, seed, secretMadeUp }: Welcome): string {
  const lines = ["", "DevMatch is running.", "", row("gateway", gateway.url)];
  for (const [name, variable] of URL_VARIABLES) {
    const own = platform.services[name];
    lines.push(row(services[name].label, own === undefined ? `${env[variable]}  (yours)` : own.url));
  }
  if (secretMadeUp) lines.push(row("JWT_SECRET", "made up for this run; tokens end with it"));
  if (platform.services.users !== undefined) {
    const { email, password, generated } = platform.admin;
    lines.push(row("administrator", generated ? `${email}  password ${password}` : email));
    if (seed) lines.push(row("demo password", `${demoPassword}  (accounts in platform/demo/demo-data.ts)`));
  }
  return `${lines.join("\n")}\n\nTry:\n\n  ${firstCommand(gateway.url, seed && platform.services.users !== undefined)}\n\n`;
}

/** A command that works as it stands, also the second time. */
function firstCommand(url: string, demo: boolean): string {
  const client = demoClients[0];
  if (!demo || client === undefined) return `curl ${url}/health/detailed`;
  const body = JSON.stringify({ email: `${client.id}@demo.devmatch.example`, password: demoPassword });
  return `curl -s ${url}/api/v1/auth/login -H 'Content-Type: application/json' -d '${body}'`;
}

function row(label: string, value: string): string {
  return `  ${label.padEnd(24)}${value}`;
}

main().catch((error: unknown) => {
  const known = error instanceof StartError || error instanceof ConfigError;
  process.stderr.write(`${known ? error.message : (error as Error).stack}\n`);
  process.exit(1);
});
