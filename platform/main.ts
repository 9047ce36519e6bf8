import { parseArgs } from "node:util";
import { describePlatform } from "./describe-platform.ts";
import { platformOptionsFromEnv, type RunningPlatform, StartError, startPlatform } from "./platform.ts";

const usage = `Usage: npm run platform -- [--seed]

  --seed   begin with demo data, as PLATFORM_SEED=demo does

Environment: PLATFORM_HOST, PLATFORM_{USER,TASK,RECOMMENDATION,ORCHESTRATOR,PRESENCE}_PORT, PLATFORM_DB,
PLATFORM_ADMIN_EMAIL, PLATFORM_ADMIN_PASSWORD, PLATFORM_SEED, LOG_LEVEL`;

/** Runs the platform until it is asked to stop. Log entries go to standard output, everything for people to the other. */
async function main(): Promise<void> {
  const { seed, help } = parseFlags();
  if (help) return say(usage);
  const options = platformOptionsFromEnv(process.env);
  const platform = await startPlatform(seed ? { ...options, seed } : options);
  say(describePlatform(platform, { ...options, ...(seed ? { seed } : {}) }));
  stopOnSignal(platform);
}

function parseFlags(): { seed: boolean; help: boolean } {
  try {
    const flags = { seed: { type: "boolean", default: false }, help: { type: "boolean", default: false } } as const;
    return parseArgs({ options: flags }).values;
  } catch (cause) {
    throw new StartError(`${cause instanceof Error ? cause.message : cause}\n\n${usage}`, { cause });
  }
}

/** Stops in order; who does not want to wait for that sends the signal again, and Node ends the process. */
function stopOnSignal(platform: RunningPlatform): void {
  const stop = () => {
    for (const signal of signals) process.off(signal, stop);
    platform.stop().catch(fail);
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, stop);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function fail(error: unknown): void {
  say(error instanceof StartError ? `platform: ${error.message}` : `platform: ${(error as Error).stack}`);
  process.exitCode = 1;
}

main().catch(fail);
