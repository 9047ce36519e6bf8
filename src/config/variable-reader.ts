import { type IpNetwork, parseIpNetwork } from "../admission/ip-network.ts";

/** The variables of a process, or of a Worker. */
export type Environment = Readonly<Record<string, string | undefined>>;

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
  /your[-_ ]?([a-z0-9]+[-_ ])*secret|change[-_ ]?me|super[-_ ]?secret|string[-_ ]secret|placeholder/i;
const MIN_SECRET_BYTES = 32;
/** 32 random bytes in hexadecimal show some 14 distinct characters; one key held down shows one. */
const MIN_DISTINCT_CHARACTERS = 8;

/** Reads variables one by one and remembers what is wrong, so that all of it can be said at once. */
export class VariableReader {
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

  /** As Sentry shows it: `https://key@host/42`. The old form with a secret key in it is refused. */
  sentryDsn(name: string): string | undefined {
    const value = this.optionalText(name);
    if (value === undefined) return undefined;
    const url = URL.canParse(value) ? new URL(value) : undefined;
    const http = url?.protocol === "http:" || url?.protocol === "https:";
    const shape =
      http && /^\w+$/.test(url.username) && url.password === "" && /^(?:\/[\w-]+)*\/\d+$/.test(url.pathname);
    if (shape && url.search === "" && url.hash === "") return value;
    return this.#wrong(name, "must be a DSN such as https://key@sentry.example.com/42", undefined);
  }

  /** What Sentry takes as the name of an environment. */
  sentryEnvironment(name: string): string | undefined {
    const value = this.optionalText(name);
    if (value === undefined || (/^[\w.-]{1,64}$/.test(value) && value !== "None")) return value;
    return this.#wrong(name, "must be a name of letters, digits, dots and dashes, at most 64", undefined);
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

  /** As serviceUrl, where there is no default. */
  optionalServiceUrl(name: string): string | undefined {
    return this.optionalText(name) === undefined ? undefined : this.serviceUrl(name, "");
  }

  /** A query is refused because clients read options from it that nobody has looked at. */
  redisUrl(name: string): string | undefined {
    const value = this.optionalText(name);
    if (value === undefined) return undefined;
    const url = URL.canParse(value) ? new URL(value) : undefined;
    const redis = url?.protocol === "redis:" || url?.protocol === "rediss:";
    if (url && redis && url.hostname !== "" && /^(\/\d{0,3})?$/.test(url.pathname) && url.search + url.hash === "") {
      return value;
    }
    return this.#wrong(name, "must be redis://[user:password@]host[:port][/database], or rediss:// for TLS", undefined);
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

  /** A comma-separated list of addresses and CIDRs; none unless told. */
  networks(name: string): readonly IpNetwork[] {
    const values = this.optionalText(name)?.split(",") ?? [];
    const networks = values.map((value) => parseIpNetwork(value.trim()));
    if (networks.every((network) => network !== undefined)) return networks;
    return this.#wrong(name, "must be a comma-separated list of addresses or CIDRs such as 10.0.0.0/8", []);
  }

  optionalSecret(name: string, purpose: string): string | undefined {
    return (this.#env[name] ?? "") === "" ? undefined : this.secret(name, purpose);
  }

  /** `purpose` ends the sentence "at least 32 random bytes …". */
  secret(name: string, purpose: string): string {
    const value = this.#env[name] ?? "";
    if (value === "") return this.#wrong(name, `must be set: at least ${MIN_SECRET_BYTES} random bytes ${purpose}`, "");
    if (new TextEncoder().encode(value).byteLength < MIN_SECRET_BYTES) {
      return this.#wrong(name, `must be at least ${MIN_SECRET_BYTES} bytes`, "");
    }
    if (WELL_KNOWN_SECRET.test(value) || new Set(value).size < MIN_DISTINCT_CHARACTERS) {
      return this.#wrong(name, "must be random: this one can be guessed", "");
    }
    return value;
  }

  /** For a rule between several variables, told under the name of one. */
  refuse(name: string, problem: string): void {
    this.#wrong(name, problem, undefined);
  }

  #wrong<T>(name: string, problem: string, fallback: T): T {
    this.#problems.push(`${name} ${problem}`);
    return fallback;
  }
}

/** Rounded up, so that a short time never becomes none; but 0.07 * 3600 is 252, and not what doubles make of it. */
export function wholeUnits(value: number): number {
  return Math.ceil(Number(value.toPrecision(12)));
}
