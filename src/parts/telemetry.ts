import type { Config } from "../config.ts";
import type { Ports } from "../ports.ts";
import { type ErrorReporter, NO_ERROR_REPORTS } from "../telemetry/error-reports.ts";
import { createGatewayMetrics, type GatewayMetrics } from "../telemetry/gateway-metrics.ts";
import { createLogger, type Logger } from "../telemetry/logger.ts";
import { createSharedMetrics, type Exposition, ownMetrics } from "../telemetry/shared-metrics.ts";

/** What the gateway says of itself. */
export interface Telemetry {
  readonly logger: Logger;
  readonly metrics: GatewayMetrics;
  readonly exposition: Exposition;
  readonly errorReporter: ErrorReporter;
}

/** A log, metrics that are this process's own or those of many isolates, and somebody who hears of our bugs. */
export function createTelemetry({ logLevel }: Config, ports: Ports): Telemetry {
  const { now, keepAlive, writeLog, metricsLedger: ledger, errorReporter = NO_ERROR_REPORTS } = ports;
  const logger = createLogger({ level: logLevel, write: writeLog, now });
  const metrics = createGatewayMetrics();
  const { registry } = metrics;
  const exposition = ledger ? createSharedMetrics({ registry, ledger, keepAlive, now, logger }) : ownMetrics(registry);
  return { logger, metrics, exposition, errorReporter };
}
