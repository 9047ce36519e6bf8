import { type ConfigDefaults, loadConfig } from "#src/config.ts";

/** A secret that is good enough for any variable that asks for one, and nobody's. */
export const MADE_UP_SECRET = "q7Tz!mW2vR9xLp4KdY8sBn3Hf6JcGa1E";

/** The names of the variables that the gateway reads. */
export function readVariables(defaults: ConfigDefaults): ReadonlySet<string> {
  const read = new Set<string>();
  const env = new Proxy<Record<string, string>>(
    { JWT_SECRET: MADE_UP_SECRET },
    {
      get: (target, name) => {
        read.add(String(name));
        return target[String(name)];
      },
    },
  );
  loadConfig(env, defaults);
  return read;
}
