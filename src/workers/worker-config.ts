import { type Config, loadConfig } from "../config.ts";
import { WORKERS_ABILITIES } from "./abilities.ts";
import { variablesOf } from "./bindings.ts";

/** Reads what a Worker and its objects are told. Throws a ConfigError. */
export function loadWorkerConfig(bindings: object): Config {
  return loadConfig(variablesOf(bindings), WORKERS_ABILITIES);
}
