import { startBridge } from "./bridge/start-bridge.ts";
import { explainFailedStart } from "./explain-failed-start.ts";
import { loadMode } from "./mode.ts";
import { runUntilStopped } from "./run-until-stopped.ts";
import { startGateway } from "./start-gateway.ts";

// The program of `npm run gateway`, `npm run bridge` and of any deployment: one of the two, configured by the environment.
try {
  const start = { gateway: startGateway, bridge: startBridge }[loadMode(process.env)];
  runUntilStopped(await start({ env: process.env }));
} catch (error) {
  process.stderr.write(`${explainFailedStart(error)}\n`);
  process.exit(1);
}
