import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { VariableReader } from "#src/config/variable-reader.ts";
import { ConfigError, loadConfig } from "#src/config.ts";
import { openLog } from "#src/node/open-log.ts";
import { runUntilStopped } from "#src/node/run-until-stopped.ts";
import { createLogger } from "#src/telemetry/logger.ts";
import { WORKERS_ABILITIES } from "#src/workers/abilities.ts";
import { StartError } from "./platform.ts";
import { startStandIn, untilAnswering } from "./stand-in.ts";
import { startWranglerDev } from "./wrangler-dev.ts";

/** Where wrangler keeps a developer's variables and secrets. */
const DEV_VARS = ".dev.vars";

/**
 * `npm run dev:workers`: the stand-in and the Worker under `wrangler dev`, without an account and without a network. The
 * gateway's variables come from .dev.vars; a service whose address stands there is used in place of the stand-in's. A
 * change of the code is there with the next request.
 */
async function main(): Promise<void> {
  const ownVariablesPath = existsSync(DEV_VARS) ? DEV_VARS : undefined;
  const own = ownVariablesPath === undefined ? {} : parseEnv(readFileSync(ownVariablesPath, "utf8"));
  const port = readPort();
  // Before anything is started: a Worker could only answer 503.
  loadConfig({ JWT_SECRET: "of the stand-in, and not for long", ...own }, WORKERS_ABILITIES);
  const standIn = await startStandIn(own, process.env);
  const dev = await startWranglerDev({ port, ownVariablesPath, variables: standIn.variables });
  let stopping = false;
  // From here on there is something to stop, also before it is ready.
  runUntilStopped({
    logger: createLogger({ level: "info", write: openLog(), now: Date.now, service: "dev-workers" }),
    async stop() {
      stopping = true;
      await dev.stop();
      await standIn.stop();
      return true;
    },
  });
  process.stderr.write("The services are up; wrangler builds the Worker.\n");
  const url = await dev.ready.catch(async (error: unknown) => {
    if (stopping) return undefined;
    await standIn.stop();
    throw error;
  });
  if (url === undefined) return;
  void dev.ended.then(() => {
    if (!stopping) throw new StartError("wrangler dev has ended");
  });
  await untilAnswering(url);
  process.stderr.write(standIn.welcome(url));
}

/** Not the Node gateway's 8000: both may run. */
function readPort(): number {
  const read = new VariableReader(process.env);
  const port = read.wholeNumber("GATEWAY_PORT", 8787, 0, 65_535);
  read.finish();
  return port;
}

main().catch((error: unknown) => {
  const known = error instanceof StartError || error instanceof ConfigError;
  process.stderr.write(`${known ? error.message : (error as Error).stack}\n`);
  process.exit(1);
});
