import { type Environment, VariableReader } from "../config/variable-reader.ts";

/** Which of the programs in this image a process is. */
export type Mode = (typeof MODES)[number];

const MODES = ["gateway", "bridge"] as const;

/** Reads GATEWAY_MODE: the gateway unless told. Throws a ConfigError. */
export function loadMode(env: Environment): Mode {
  const read = new VariableReader(env);
  const mode = read.oneOf("GATEWAY_MODE", MODES, "gateway");
  read.finish();
  return mode;
}
