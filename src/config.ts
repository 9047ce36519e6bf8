import type { IpNetwork } from "./admission/ip-network.ts";
import type { RateLimitSettings } from "./admission/rate-limits.ts";
import { readTokenVariables, type TokenConfig } from "./config/token-variables.ts";
import { type Environment, VariableReader, wholeUnits } from "./config/variable-reader.ts";
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

/** How Redis is reached. */
export type RedisAddress =
  | { readonly kind: "tcp"; readonly url: string }
  | { readonly kind: "upstash"; readonly url: string; readonly token: string };

/** What the gateway is told from outside: checked, complete, in the units of the names. */
export interface Config {
  readonly services: Readonly<Record<UpstreamService, ServiceAddress>>;
  readonly presenceUrl: string;
  /** What the bridge in front of the services asks of its callers; undefined: there is no bridge, or none that asks. */
  readonly bridgeSecret: string | undefined;
  readonly tokens: TokenConfig;
  readonly accessLifetimeSeconds: number;
  readonly refreshLifetimeSeconds: number;
  /** Undefined: in memory. */
  readonly redis: RedisAddress | undefined;
  /** The hard limit of one round trip to Redis. */
  readonly redisTimeoutMs: number;
  /** The ceiling for everything that one request waits for. */
  readonly upstreamTimeoutMs: number;
  /** So many failures of a service in a row open its circuit breaker. */
  readonly breakerFailureThreshold: number;
  /** The longest that a breaker stays open. */
  readonly breakerMaxOpenMs: number;
  /** How many calls of one service may be under way at once. */
  readonly upstreamMaxInFlight: number;
  readonly maxBodyBytes: number;
  readonly rateLimits: RateLimitSettings;
  /** Node only. From whom forwarding headers count. */
  readonly trustedProxies: readonly IpNetwork[];
  /** How long a service's answer counts as fresh, unless its rpc says less; 0: none is kept. */
  readonly cacheTtlSeconds: number;
  readonly corsOrigins: readonly string[];
  readonly logLevel: LogLevel;
  /** Undefined: anyone may read /metrics. */
  readonly metricsToken: string | undefined;
  /** Where errors that are bugs of ours are reported; undefined: nowhere. */
  readonly sentryDsn: string | undefined;
  readonly sentryEnvironment: string | undefined;
  /** Node only. */
  readonly host: string;
  /** Node only; 0 lets the system choose. */
  readonly port: number;
  /** Node only. How long a stopping process still takes requests, while balancers learn of it. */
  readonly shutdownDelayMs: number;
  /** Node only. How long a stopping process then waits for running requests. */
  readonly shutdownGraceMs: number;
}

export interface ConfigDefaults {
  /** What the runtime can speak and does unless told: `grpc` on Node. */
  readonly protocol: UpstreamProtocol;
  /** All that the runtime can speak. Every protocol unless told. */
  readonly protocols?: readonly UpstreamProtocol[];
  /** Whether the runtime has a client for Redis over TCP. True unless told. */
  readonly redisOverTcp?: boolean;
}

const MAX_QUOTA = 1_000_000_000;

export { ConfigError } from "./config/variable-reader.ts";

/**
 * Reads and checks the variables of contract.md section 5. Throws one ConfigError that names every wrong variable and
 * prints no value: what stands in the wrong variable may be a secret.
 */
export function loadConfig(env: Environment, defaults: ConfigDefaults): Config {
  const read = new VariableReader(env);
  const { protocols = UPSTREAM_PROTOCOLS } = defaults;
  const protocol = read.oneOf("UPSTREAM_PROTOCOL", protocols, defaults.protocol);
  const services = Object.fromEntries(
    UPSTREAM_SERVICES.map(({ key, urlVariable, protocolVariable, defaultAddress }) => [
      key,
      {
        url: read.serviceUrl(urlVariable, defaultAddress),
        protocol: read.oneOf(protocolVariable, protocols, protocol),
      },
    ]),
  ) as Record<UpstreamService, ServiceAddress>;
  const bridgeSecret = read.optionalSecret("BRIDGE_SECRET", "that the bridge knows as well");
  // What speaks gRPC is no bridge, and must not be shown the bridge's secret.
  const web = Object.values(services).some(({ protocol }) => protocol !== "grpc");
  const config: Config = {
    services,
    presenceUrl: read.serviceUrl("PRESENCE_SERVICE_URL", "http://localhost:8080"),
    bridgeSecret: web ? bridgeSecret : undefined,
    tokens: readTokenVariables(read),
    accessLifetimeSeconds: wholeUnits(read.duration("JWT_EXPIRATION_HOURS", 24, "hours", 24 * 31) * 3600),
    refreshLifetimeSeconds: wholeUnits(read.duration("JWT_REFRESH_EXPIRATION_DAYS", 30, "days", 366) * 86_400),
    redis: redisAddress(read, defaults),
    redisTimeoutMs: wholeUnits(read.duration("REDIS_TIMEOUT", 0.05, "seconds", 10) * 1000),
    upstreamTimeoutMs: wholeUnits(read.duration("UPSTREAM_TIMEOUT", 30, "seconds", 600) * 1000),
    breakerFailureThreshold: read.wholeNumber("CIRCUIT_BREAKER_FAILURE_THRESHOLD", 5, 1, 1_000_000),
    breakerMaxOpenMs: wholeUnits(read.duration("CIRCUIT_BREAKER_TIMEOUT", 60, "seconds", 3_600) * 1000),
    upstreamMaxInFlight: read.wholeNumber("UPSTREAM_MAX_IN_FLIGHT", 100, 1, 100_000),
    maxBodyBytes: read.wholeNumber("MAX_BODY_BYTES", 1_048_576, 1, 104_857_600),
    rateLimits: {
      windowMs: wholeUnits(read.duration("RATE_LIMIT_WINDOW", 60, "seconds", 86_400) * 1000),
      requests: read.wholeNumber("RATE_LIMIT_REQUESTS", 1_000, 1, MAX_QUOTA),
      anonymous: read.wholeNumber("RATE_LIMIT_ANONYMOUS", 100, 1, MAX_QUOTA),
      login: read.wholeNumber("RATE_LIMIT_LOGIN", 10, 1, MAX_QUOTA),
    },
    trustedProxies: read.networks("TRUSTED_PROXIES"),
    cacheTtlSeconds: read.duration("CACHE_TTL", 300, "seconds", 86_400, { zero: true }),
    corsOrigins: read.origins("CORS_ORIGINS", "http://localhost:3000,http://localhost:5173,http://localhost"),
    logLevel: read.oneOf("LOG_LEVEL", ["debug", "info", "warn", "error"], "info"),
    metricsToken: read.bearerToken("METRICS_TOKEN"),
    sentryDsn: read.sentryDsn("SENTRY_DSN"),
    sentryEnvironment: read.sentryEnvironment("SENTRY_ENVIRONMENT"),
    host: read.text("GATEWAY_HOST", "0.0.0.0"),
    port: read.wholeNumber("GATEWAY_PORT", 8000, 0, 65_535),
    shutdownDelayMs: wholeUnits(read.duration("SHUTDOWN_DELAY", 1, "seconds", 60, { zero: true }) * 1000),
    shutdownGraceMs: wholeUnits(read.duration("SHUTDOWN_GRACE", 25, "seconds", 600, { zero: true }) * 1000),
  };
  read.finish();
  return config;
}

/** One kind of address or none. Half a pair, or both kinds, is a mistake that would otherwise show late or never. */
function redisAddress(read: VariableReader, { redisOverTcp = true }: ConfigDefaults): RedisAddress | undefined {
  const tcp = read.redisUrl("REDIS_URL");
  const rest = read.optionalServiceUrl("UPSTASH_REDIS_REST_URL");
  const token = read.bearerToken("UPSTASH_REDIS_REST_TOKEN");
  const [hasTcp, hasRest, hasToken] = ["REDIS_URL", "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"].map(
    (name) => read.optionalText(name) !== undefined,
  );
  if (hasTcp && !redisOverTcp) {
    read.refuse("REDIS_URL", "works on Node only: use UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN");
  } else if (hasTcp && (hasRest || hasToken)) {
    read.refuse("REDIS_URL", "and the UPSTASH_REDIS_REST_ pair exclude each other: set one of them");
  }
  if (hasRest && !hasToken) read.refuse("UPSTASH_REDIS_REST_TOKEN", "must be set with UPSTASH_REDIS_REST_URL");
  if (hasToken && !hasRest) read.refuse("UPSTASH_REDIS_REST_URL", "must be set with UPSTASH_REDIS_REST_TOKEN");
  if (tcp !== undefined) return { kind: "tcp", url: tcp };
  if (rest !== undefined && token !== undefined) return { kind: "upstash", url: rest, token };
  return undefined;
}
