import { type LogLevel, logLevels } from "./logger.ts";
import type { PlatformOptions } from "./options.ts";
import { emailAddress, password } from "./rpc/rules.ts";
import { type ServiceName, serviceNames, services } from "./services.ts";
import { StartError } from "./start-error.ts";

/** The environment of a process. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The options that the environment asks for. A variable that is empty counts as not set. Wrong ones stop the start,
 * all named in one message, and without their values: one of them is a password.
 */
export function platformOptionsFromEnv(env: Environment): Omit<PlatformOptions, "only"> {
  const wrong: string[] = [];
  /** Reads a variable; `parse` answers undefined for a wrong value. */
  function read<T>(name: string, must: string, parse: (value: string) => T | undefined): T | undefined {
    const value = env[name];
    if (value === undefined || value === "") return undefined;
    const parsed = parse(value);
    if (parsed === undefined) wrong.push(`${name} must be ${must}`);
    return parsed;
  }

  const ports: Partial<Record<ServiceName, number>> = {};
  for (const name of serviceNames) {
    const port = read(services[name].portVariable, "a port, 0 to 65535", portNumber);
    if (port !== undefined) ports[name] = port;
  }
  const host = read("PLATFORM_HOST", "an address", (value) => value);
  const databaseFile = read("PLATFORM_DB", "a file name", (value) => value);
  const seed = read("PLATFORM_SEED", "demo, or empty", (value) => (value === "demo" ? true : undefined));
  const logLevel = read("LOG_LEVEL", `one of ${logLevels.join(", ")}`, level);
  const email = read("PLATFORM_ADMIN_EMAIL", "an e-mail address", (value) =>
    emailAddress("", value) ? undefined : value,
  );
  const secret = read("PLATFORM_ADMIN_PASSWORD", "8 to 128 characters long", (value) =>
    password("", value) ? undefined : value,
  );
  if (wrong.length > 0) throw new StartError(wrong.join("; "));

  return {
    ports,
    admin: { ...(email === undefined ? {} : { email }), ...(secret === undefined ? {} : { password: secret }) },
    ...(host === undefined ? {} : { host }),
    ...(databaseFile === undefined ? {} : { databaseFile }),
    ...(seed === undefined ? {} : { seed }),
    ...(logLevel === undefined ? {} : { logLevel }),
  };
}

function portNumber(value: string): number | undefined {
  return /^\d{1,5}$/.test(value) && Number(value) <= 65_535 ? Number(value) : undefined;
}

function level(value: string): LogLevel | undefined {
  return logLevels.find((known) => known === value.toLowerCase());
}
