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

/** What the gateway is told from outside: checked, complete, in the units of the names. */
export interface Config {
  readonly services: Readonly<Record<UpstreamService, ServiceAddress>>;
  readonly presenceUrl: string;
  /** What the bridge in front of the services asks of its callers; undefined: there is no bridge, or none that asks. */
  readonly bridgeSecret: string | undefined;
  readonly tokens: TokenConfig;
  readonly accessLifetimeSeconds: number;
  readonly refreshLifetimeSeconds: number;
  /** The ceiling for everything that one request waits for. */
  readonly upstreamTimeoutMs: number;
  /** So many failures of a service in a row open its circuit breaker. */
  readonly breakerFailureThreshold: number;
  /** The longest that a breaker stays open. */
  readonly breakerMaxOpenMs: number;
  /** How many calls of one service may be under way at once. */
  readonly upstreamMaxInFlight: number;
  readonly maxBodyBytes: number;
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
}

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
    upstreamTimeoutMs: wholeUnits(read.duration("UPSTREAM_TIMEOUT", 30, "seconds", 600) * 1000),
    breakerFailureThreshold: read.wholeNumber("CIRCUIT_BREAKER_FAILURE_THRESHOLD", 5, 1, 1_000_000),
    breakerMaxOpenMs: wholeUnits(read.duration("CIRCUIT_BREAKER_TIMEOUT", 60, "seconds", 3_600) * 1000),
    upstreamMaxInFlight: read.wholeNumber("UPSTREAM_MAX_IN_FLIGHT", 100, 1, 100_000),
    maxBodyBytes: read.wholeNumber("MAX_BODY_BYTES", 1_048_576, 1, 104_857_600),
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
