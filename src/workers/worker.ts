import { waitUntil } from "cloudflare:workers";
import { ConfigError } from "../config.ts";
import { createGateway, type Gateway } from "../gateway.ts";
import { createRefusingGateway } from "../refusing-gateway.ts";
import { createErrorReporter } from "../telemetry/error-reports.ts";
import { createLogger, describeError } from "../telemetry/logger.ts";
import { type Bindings, missingObjects } from "./bindings.ts";
import { createMetricsLedger } from "./metrics-totals.ts";
import { openRedis } from "./open-redis.ts";
import { createWorkersTransports } from "./transports.ts";
import { breakersOf } from "./worker-breakers.ts";
import { loadWorkerConfig } from "./worker-config.ts";
import { writeLog } from "./write-log.ts";

export { CircuitBreaker } from "./circuit-breaker.ts";
export { MetricsTotals } from "./metrics-totals.ts";

let gateway: Gateway | undefined;

/**
 * Builds the gateway for this isolate. Every request that finds none builds one: a promise that is shared would belong
 * to the request that made it, and never settle when that one's client goes away.
 */
async function build(bindings: Bindings): Promise<Gateway> {
  const config = loadWorkerConfig(bindings);
  const keepAlive = (work: Promise<void>) => waitUntil(work);
  const built = await createGateway(config, {
    now: Date.now,
    writeLog,
    transports: createWorkersTransports(config.services, { fetch: runtimeFetch, bridgeSecret: config.bridgeSecret }),
    createBreaker: breakersOf(bindings, { keepAlive, logger }),
    fetch: runtimeFetch,
    redis: openRedis(config, runtimeFetch),
    keepAlive,
    errorReporter: createErrorReporter({
      dsn: config.sentryDsn,
      environment: config.sentryEnvironment,
      runtime: "workerd",
      fetch: runtimeFetch,
      keepAlive,
      now: Date.now,
      logger,
    }),
    lifecycle: () => "ready",
    // Cloudflare starts more isolates by itself, and a request of one waits for no other's CPU.
    shouldShed: () => false,
    metricsLedger: createMetricsLedger(bindings.METRICS_TOTALS),
  });
  if (gateway !== undefined) return gateway;
  const missing = missingObjects(bindings);
  if (missing.length > 0) logger.log("warn", "objects are not bound: each isolate decides for itself", { missing });
  gateway = built;
  return gateway;
}

/** The runtime's `fetch` must be called as a function of its own. */
const runtimeFetch: typeof fetch = (input, init) => fetch(input, init);
const logger = createLogger({ level: "warn", write: writeLog, now: Date.now });

/**
 * A Worker has no start that could fail: what its global scope throws, clients get as a web page, and nobody a log line.
 * So an isolate whose configuration is wrong says once what is wrong, and answers everything with 503.
 */
function refuse(error: unknown): Gateway {
  if (error instanceof ConfigError) {
    logger.log("error", "the configuration is wrong", { problems: error.problems });
  } else {
    logger.log("error", "the gateway could not be built", { error: describeError(error) });
  }
  gateway = createRefusingGateway();
  return gateway;
}

async function answer(request: Request, bindings: Bindings): Promise<Response> {
  gateway ??= await build(bindings).catch(refuse);
  return gateway.fetch(request, { peerAddress: request.headers.get("CF-Connecting-IP") ?? undefined });
}

export default {
  fetch(request: Request, bindings: Bindings): Promise<Response> {
    const answered = answer(request, bindings);
    // Workerd would stop the code in its tracks when the client leaves: the calls behind it would not be told, what had
    // been begun would stay half done, and no line in the log would speak of it.
    waitUntil(answered);
    return answered;
  },
};
