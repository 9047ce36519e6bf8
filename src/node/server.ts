import { ConfigError } from "../config.ts";
import { runUntilStopped } from "./run-until-stopped.ts";
import { startGateway } from "./start-gateway.ts";

// The program of `npm run gateway` and of the container: the gateway alone, configured by the environment.
try {
  runUntilStopped(await startGateway({ env: process.env }));
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String(error)}\n`);
  process.exit(1);
}
