import { randomBytes } from "node:crypto";
import { UPSTREAM_SERVICES } from "#src/upstream/services.ts";
import { demoClients, demoPassword } from "./demo/demo-data.ts";
import { platformOptionsFromEnv, type RunningPlatform, type ServiceName, startPlatform } from "./platform.ts";
import { services } from "./services.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The services that have no address of their own, and what a gateway must be told of them. */
export interface StandIn {
  /** Their addresses, and a made-up JWT_SECRET where there is none. */
  readonly variables: Readonly<Record<string, string>>;
  /** What a person is told when everything runs, with a first command to paste. */
  welcome(gatewayUrl: string): string;
  stop(): Promise<void>;
}

/** The variable of the gateway that says where each service is. */
const URL_VARIABLES: readonly (readonly [ServiceName, string])[] = [
  ...UPSTREAM_SERVICES.map(({ key, urlVariable }) => [key, urlVariable] as const),
  ["presence", "PRESENCE_SERVICE_URL"],
];

/**
 * Starts the stand-in for every service whose address is not among the gateway's variables. `platformEnv` has the
 * stand-in's own (PLATFORM_…).
 */
export async function startStandIn(env: Environment, platformEnv: Environment): Promise<StandIn> {
  const missing = URL_VARIABLES.filter(([, variable]) => (env[variable] ?? "") === "");
  // Demo data unless told otherwise (PLATFORM_SEED set, if only to nothing): whoever starts this wants to look around.
  const options = { ...platformOptionsFromEnv(platformEnv), only: missing.map(([name]) => name) };
  const seed = options.seed ?? platformEnv.PLATFORM_SEED === undefined;
  const platform: PartialPlatform = await startPlatform({ ...options, seed });
  const addresses = Object.fromEntries(missing.map(([name, variable]) => [variable, platform.services[name]!.url]));
  const secretMadeUp = (env.JWT_SECRET ?? "") === "";
  const secret = secretMadeUp ? { JWT_SECRET: randomBytes(32).toString("base64url") } : {};
  return {
    variables: { ...addresses, ...secret },
    welcome: (gatewayUrl) => welcome({ platform, gatewayUrl, env, seed, secretMadeUp }),
    stop: () => platform.stop(),
  };
}

/** The gateway asks every service, so one answer of its own speaks for all of them. */
export async function untilAnswering(gatewayUrl: string): Promise<void> {
  const response = await fetch(`${gatewayUrl}/health/detailed`, { signal: AbortSignal.timeout(10_000) });
  const { services } = (await response.json()) as { services: Record<string, string> };
  for (const [label, verdict] of Object.entries(services)) {
    if (verdict === "unhealthy") process.stderr.write(`${label} does not answer yet; the gateway goes on without it\n`);
  }
}

type PartialPlatform = RunningPlatform<Partial<RunningPlatform["services"]>>;

interface Welcome {
  readonly platform: PartialPlatform;
  readonly gatewayUrl: string;
  readonly env: Environment;
  readonly seed: boolean;
  readonly secretMadeUp: boolean;
}

function welcome({ platform, gatewayUrl, env, seed, secretMadeUp }: Welcome): string {
  const lines = ["", "DevMatch is running.", "", row("gateway", gatewayUrl)];
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
  return `${lines.join("\n")}\n\nTry:\n\n  ${firstCommand(gatewayUrl, seed && platform.services.users !== undefined)}\n\n`;
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
