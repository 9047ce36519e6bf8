import { ConfigError } from "../config.ts";
import { startBridge } from "./bridge/start-bridge.ts";
import { loadMode } from "./mode.ts";
import { runUntilStopped } from "./run-until-stopped.ts";
import { startGateway } from "./start-gateway.ts";

// The program of `npm run gateway`, `npm run bridge` and the container: one of the two, configured by the environment.
try {
  const start = { gateway: startGateway, bridge: startBridge }[loadMode(process.env)];
  runUntilStopped(await start({ env: process.env }));
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String(error)}\n`);
  process.exit(1);
}
