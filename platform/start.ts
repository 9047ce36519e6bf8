import { explainFailedStart } from "#src/node/explain-failed-start.ts";
import { runUntilStopped } from "#src/node/run-until-stopped.ts";
import { startGateway } from "#src/node/start-gateway.ts";
import { StartError } from "./platform.ts";
import { type Environment, startStandIn, untilAnswering } from "./stand-in.ts";

/** Whoever presses Ctrl-C on a laptop wants it to end. */
const NO_BALANCER: Environment = { SHUTDOWN_DELAY: "0" };

/**
 * `npm start`: the stand-in and the gateway in one process, over real sockets. A service whose address is in the
 * environment is used in place of the stand-in's. The log goes to standard output, everything for people to the other.
 */
async function main(): Promise<void> {
  const env: Environment = process.env;
  const standIn = await startStandIn(env, env);
  const gateway = await startGateway({ env: { ...NO_BALANCER, ...env, ...standIn.variables } }).catch(
    async (error: unknown) => {
      await standIn.stop();
      throw error;
    },
  );
  await untilAnswering(gateway.url);
  process.stderr.write(standIn.welcome(gateway.url));
  runUntilStopped({
    logger: gateway.logger,
    async stop() {
      const finished = await gateway.stop();
      await standIn.stop();
      return finished;
    },
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof StartError ? error.message : explainFailedStart(error)}\n`);
  process.exit(1);
});
