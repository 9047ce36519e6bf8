import { type Config, loadConfig } from "../config.ts";
import { WORKERS_ABILITIES } from "./abilities.ts";
import { variablesOf } from "./bindings.ts";

/** Reads what a Worker and its objects are told. Throws a ConfigError. */
export function loadWorkerConfig(bindings: object): Config {
  // Cloudflare names the client itself; what a proxy in front of Cloudflare says of it, nobody vouches for.
  return { ...loadConfig(variablesOf(bindings), WORKERS_ABILITIES), trustedProxies: [] };
}
