import type { LogLevel } from "./telemetry/logger.ts";
import {
  UPSTREAM_PROTOCOLS,
  UPSTREAM_SERVICES,
  type UpstreamProtocol,
  type UpstreamService,
} from "./upstream/services.ts";

/** How one of the platform's services is reached. */
export interface ServiceAddress {
  /** Absolute, without a path. */
  readonly url: string;
  readonly protocol: UpstreamProtocol;
}

/** What the gateway is told from outside: checked, complete, in the units of the names. */
export interface Config {
  readonly services: Readonly<Record<UpstreamService, ServiceAddress>>;
  readonly presenceUrl: string;
  /** The bytes of the HMAC key. */
  readonly jwtSecret: string;
  readonly jwtIssuer: string;
  readonly jwtAudience: string;
  readonly accessLifetimeSeconds: number;
  readonly refreshLifetimeSeconds: number;
  /** The ceiling for everything that one request waits for. */
  readonly upstreamTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly corsOrigins: readonly string[];
  readonly logLevel: LogLevel;
  /** Undefined: anyone may read /metrics. */
  readonly metricsToken: string | undefined;
  /** Node only. */
  readonly host: string;
  /** Node only; 0 lets the system choose. */
  readonly port: number;
  /** Node only. How long a stopping process waits for running requests. */
  readonly shutdownGraceMs: number;
}

export interface ConfigDefaults {
  /** What the runtime can speak and does unless told: `grpc` on Node. */
  readonly protocol: UpstreamProtocol;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads and checks the variables of contract.md section 5. Throws one ConfigError that names every wrong variable and
 * prints no value: what stands in the wrong variable may be a secret.
 */
export function loadConfig(env: Environment, defaults: ConfigDefaults): Config {
  const read = new VariableReader(env);
  const protocol = read.oneOf("UPSTREAM_PROTOCOL", UPSTREAM_PROTOCOLS, defaults.protocol);
  const services = Object.fromEntries(
    UPSTREAM_SERVICES.map(({ key, urlVariable, protocolVariable, defaultAddress }) => [
      key,
      {
        url: read.serviceUrl(urlVariable, defaultAddress),
        protocol: read.oneOf(protocolVariable, UPSTREAM_PROTOCOLS, protocol),
      },
    ]),
  ) as Record<UpstreamService, ServiceAddress>;
  const config: Config = {
    services,
    presenceUrl: read.serviceUrl("PRESENCE_SERVICE_URL", "http://localhost:8080"),
    jwtSecret: read.signingSecret("JWT_SECRET"),
    jwtIssuer: read.text("JWT_ISSUER", "devmatch-gateway"),
    jwtAudience: read.text("JWT_AUDIENCE", "devmatch"),
    accessLifetimeSeconds: wholeUnits(read.duration("JWT_EXPIRATION_HOURS", 24, "hours", 24 * 31) * 3600),
    refreshLifetimeSeconds: wholeUnits(read.duration("JWT_REFRESH_EXPIRATION_DAYS", 30, "days", 366) * 86_400),
    upstreamTimeoutMs: wholeUnits(read.duration("UPSTREAM_TIMEOUT", 30, "seconds", 600) * 1000),
    maxBodyBytes: read.wholeNumber("MAX_BODY_BYTES", 1_048_576, 1, 104_857_600),
    corsOrigins: read.origins("CORS_ORIGINS", "http://localhost:3000,http://localhost:5173,http://localhost"),
    logLevel: read.oneOf("LOG_LEVEL", ["debug", "info", "warn", "error"], "info"),
    metricsToken: read.bearerToken("METRICS_TOKEN"),
    host: read.text("GATEWAY_HOST", "0.0.0.0"),
    port: read.wholeNumber("GATEWAY_PORT", 8000, 0, 65_535),
    shutdownGraceMs: wholeUnits(read.duration("SHUTDOWN_GRACE", 25, "seconds", 600, { zero: true }) * 1000),
  };
  read.finish();
  return config;
}

/** Rounded up, so that a short time never becomes none; but 0.07 * 3600 is 252, and not what doubles make of it. */
function wholeUnits(value: number): number {
  return Math.ceil(Number(value.toPrecision(12)));
}

/** Every variable that is wrong, and why, without its value. */
export class ConfigError extends Error {
  override name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration is wrong:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.problems = problems;
  }
}

/** Without a scheme, and with a port: nobody means port 80 of a gRPC service. */
const HOST_AND_PORT = /^[^/?#@]+:\d+\/?$/;

/** Secrets that stand in tutorials and templates, or that people type when asked for one. */
const WELL_KNOWN_SECRET =
  /your[-_ ]?([a-z0-9]+[-_ ])*secret|change[-_ ]?me|secret[-_ ]?key|super[-_ ]?secret|string[-_ ]secret|placeholder|0123456789/i;
const MIN_SECRET_BYTES = 32;
/** 32 random bytes in hexadecimal show some 14 distinct characters; one key held down shows one. */
const MIN_DISTINCT_CHARACTERS = 8;

/** Reads variables one by one and remembers what is wrong, so that all of it can be said at once. */
class VariableReader {
  readonly #env: Environment;
  readonly #problems: string[] = [];

  constructor(env: Environment) {
    this.#env = env;
  }

  finish(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }

  /** An empty variable counts as absent: that is how compose files and shells unset one. */
  optionalText(name: string): string | undefined {
    const value = this.#env[name]?.trim();
    return value === "" ? undefined : value;
  }

  text(name: string, fallback: string): string {
    return this.optionalText(name) ?? fallback;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.optionalText(name);
    if (value === undefined) return fallback;
    const found = allowed.find((candidate) => candidate === value.toLowerCase());
    return found ?? this.#wrong(name, `must be one of ${allowed.join(", ")}`, fallback);
  }

  wholeNumber(name: string, fallback: number, least: number, greatest: number): number {
    const value = this.optionalText(name);
    if (value === undefined) return fallback;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= greatest) return number;
    return this.#wrong(name, `must be a whole number from ${least} to ${greatest}`, fallback);
  }

  duration(name: string, fallback: number, unit: string, greatest: number, options = { zero: false }): number {
    const value = this.optionalText(name);
    if (value === undefined) return fallback;
    const number = /^\d{1,9}(\.\d{1,9})?$/.test(value) ? Number(value) : Number.NaN;
    if (number <= greatest && (number > 0 || (options.zero && number === 0))) return number;
    const range = options.zero ? `from 0 to ${greatest}` : `above 0, at most ${greatest}`;
    return this.#wrong(name, `must be a number of ${unit}, ${range}`, fallback);
  }

  /** A token that a client can send as `Bearer …`. Any other could never be matched. */
  bearerToken(name: string): string | undefined {
    const value = this.optionalText(name);
    if (value === undefined || /^[\x21-\x7e]+$/.test(value)) return value;
    return this.#wrong(name, "must be printable ASCII without spaces, so that a header can carry it", undefined);
  }

  /** `host:port` or an http(s) URL. What would be lost silently, a path, a password, is refused. */
  serviceUrl(name: string, fallback: string): string {
    const value = this.text(name, fallback);
    const candidate = HOST_AND_PORT.test(value) ? `http://${value}` : value;
    const url = URL.canParse(candidate) ? new URL(candidate) : undefined;
    const http = url?.protocol === "http:" || url?.protocol === "https:";
    if (url !== undefined && http && url.href === `${url.origin}/`) return url.origin;
    return this.#wrong(name, "must be host:port or an http(s) URL without a path", fallback);
  }

  /** Exact origins as a browser writes them, or `*`: anything else would never match one. */
  origins(name: string, fallback: string): string[] {
    const values = this.text(name, fallback)
      .split(",")
      .map((value) => value.trim());
    const isOrigin = (value: string) => URL.canParse(value) && new URL(value).origin === value && !value.includes("*");
    if (values.every((value) => value === "*" || isOrigin(value))) return values;
    return this.#wrong(name, "must be a comma-separated list of origins such as https://app.example.com", []);
  }

  signingSecret(name: string): string {
    const value = this.#env[name] ?? "";
    if (value === "") return this.#wrong(name, "must be set: at least 32 random bytes that sign the tokens", "");
    if (new TextEncoder().encode(value).byteLength < MIN_SECRET_BYTES) {
      return this.#wrong(name, `must be at least ${MIN_SECRET_BYTES} bytes`, "");
    }
    if (WELL_KNOWN_SECRET.test(value) || new Set(value).size < MIN_DISTINCT_CHARACTERS) {
      return this.#wrong(name, "must be random: this one can be guessed", "");
    }
    return value;
  }

  #wrong<T>(name: string, problem: string, fallback: T): T {
    this.#problems.push(`${name} ${problem}`);
    return fallback;
  }
}
