import { type Environment, VariableReader, wholeUnits } from "../../config/variable-reader.ts";
import type { ServiceAddress } from "../../config.ts";
import type { LogLevel } from "../../telemetry/logger.ts";
import { UPSTREAM_SERVICES, type UpstreamService } from "../../upstream/services.ts";

/** What the bridge is told from outside: checked, complete, in the units of the names. */
export interface BridgeConfig {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** What a caller shows in every request. The services ask nobody who they are, so it is all that protects them. */
  readonly secret: string;
  /** Always gRPC: a service that speaks anything else needs no bridge. */
  readonly services: Readonly<Record<UpstreamService, ServiceAddress>>;
  readonly presenceUrl: string;
  /** The ceiling for a call that has one answer. */
  readonly upstreamTimeoutMs: number;
  /** So many calls at once per service, and so many streams beside them. */
  readonly maxInFlight: number;
  readonly logLevel: LogLevel;
  /** Undefined: anyone may read /metrics. */
  readonly metricsToken: string | undefined;
  /** How long a stopping process waits for running calls. */
  readonly shutdownGraceMs: number;
}

/**
 * Reads and checks the bridge's variables. What the gateway has too has the gateway's name: both can run from one set
 * of variables. Throws one ConfigError that names every wrong variable and prints no value.
 */
export function loadBridgeConfig(env: Environment): BridgeConfig {
  const read = new VariableReader(env);
  const services = Object.fromEntries(
    UPSTREAM_SERVICES.map(({ key, urlVariable, defaultAddress }) => [
      key,
      { url: read.serviceUrl(urlVariable, defaultAddress), protocol: "grpc" },
    ]),
  ) as Record<UpstreamService, ServiceAddress>;
  const config: BridgeConfig = {
    host: read.text("BRIDGE_HOST", "0.0.0.0"),
    port: read.wholeNumber("BRIDGE_PORT", 8090, 0, 65_535),
    secret: read.secret("BRIDGE_SECRET", "that callers of the bridge show"),
    services,
    presenceUrl: read.serviceUrl("PRESENCE_SERVICE_URL", "http://localhost:8080"),
    upstreamTimeoutMs: wholeUnits(read.duration("UPSTREAM_TIMEOUT", 30, "seconds", 600) * 1000),
    maxInFlight: read.wholeNumber("BRIDGE_MAX_IN_FLIGHT", 1000, 1, 1_000_000),
    logLevel: read.oneOf("LOG_LEVEL", ["debug", "info", "warn", "error"], "info"),
    metricsToken: read.bearerToken("METRICS_TOKEN"),
    shutdownGraceMs: wholeUnits(read.duration("SHUTDOWN_GRACE", 25, "seconds", 600, { zero: true }) * 1000),
  };
  read.finish();
  return config;
}
