import type { Caller, RequestContext } from "../context.ts";
import { type GatewayError, toGatewayError } from "../errors.ts";
import { problemResponse } from "../rest/problem.ts";
import type { GatewayMetrics } from "../telemetry/gateway-metrics.ts";
import { describeError, type Logger, type LogLevel } from "../telemetry/logger.ts";
import type { Cors } from "./cors.ts";
import { requestIdOf } from "./request-id.ts";
import { newTraceparent } from "./trace-context.ts";

/** One request and what is known of it so far. */
export interface Exchange extends RequestContext {
  readonly request: Request;
  /** Set once the token has been verified. */
  caller: Caller | undefined;
}

/** Answers one request: whatever `answer` throws becomes a problem body, and everything is counted and logged. */
export type RunExchange = (request: Request, answer: (exchange: Exchange) => Promise<Response>) => Promise<Response>;

export interface ExchangeDependencies {
  readonly logger: Logger;
  readonly metrics: GatewayMetrics;
  readonly cors: Cors;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** What one request may wait for in all. */
  readonly timeoutMs: number;
}

export interface ExchangeRoute {
  /** The route template: the label in metrics and log, of which there are few. Never a path. */
  readonly label: string;
  /** Probes come every few seconds and are logged at this level. */
  readonly level?: LogLevel;
}

/** Methods that keep their name in a metric; a client can make up any other. */
const KNOWN_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/**
 * The outermost ring around every route: the request's id, its context, the log line, the metrics, the headers that
 * every answer has, and the one place where an error becomes an answer.
 */
export function createExchanges(dependencies: ExchangeDependencies): (route: ExchangeRoute) => RunExchange {
  const { logger, metrics, cors, now, timeoutMs } = dependencies;

  return ({ label, level = "info" }) => {
    const record = recorder(metrics, label);

    return async (request, answer) => {
      const startedAtMs = now();
      const started = performance.now();
      const notes: Record<string, unknown> = {};
      const exchange: Exchange = {
        request,
        requestId: requestIdOf(request.headers),
        traceparent: newTraceparent(),
        deadlineAtMs: startedAtMs + timeoutMs,
        caller: undefined,
        note: (fields) => Object.assign(notes, fields),
      };
      metrics.activeConnections.add(1);
      let failure: GatewayError | undefined;
      let response: Response;
      try {
        response = await answer(exchange);
      } catch (thrown) {
        failure = toGatewayError(thrown);
        response = problemResponse(failure, { requestId: exchange.requestId, instance: pathOf(request.url) });
      } finally {
        metrics.activeConnections.add(-1);
      }
      response.headers.set("X-Request-Id", exchange.requestId);
      cors.decorate(request, response.headers);

      const durationMs = performance.now() - started;
      record(request.method, response.status, durationMs);
      logger.log(levelOf(failure, level), "request", {
        request_id: exchange.requestId,
        method: request.method,
        url: pathOf(request.url),
        route: label,
        status_code: response.status,
        duration_ms: Math.round(durationMs * 1000) / 1000,
        user_id: exchange.caller?.userId,
        trace_id: exchange.traceparent?.slice(3, 35),
        ...notes,
        ...(failure && { code: failure.errorCode, error: explain(failure) }),
      });
      return response;
    };
  };
}

/** Series bound to the route and found by method and status, so that a request makes no label text. */
function recorder(metrics: GatewayMetrics, route: string) {
  const requests = new Map<string, ReturnType<typeof metrics.requests.labels>>();
  const durations = new Map<string, ReturnType<typeof metrics.requestDuration.labels>>();
  return (requestMethod: string, status: number, durationMs: number) => {
    const method = KNOWN_METHODS.has(requestMethod) ? requestMethod : "other";
    const key = `${method} ${status}`;
    let counter = requests.get(key);
    if (counter === undefined) {
      counter = metrics.requests.labels({ method, route, status: String(status) });
      requests.set(key, counter);
    }
    counter.inc();
    let histogram = durations.get(method);
    if (histogram === undefined) {
      histogram = metrics.requestDuration.labels({ method, route });
      durations.set(method, histogram);
    }
    histogram.observe(durationMs / 1000);
  };
}

function levelOf(failure: GatewayError | undefined, level: LogLevel): LogLevel {
  if (failure === undefined) return level;
  if (failure.status >= 500) return failure.errorCode === "INTERNAL" ? "error" : "warn";
  return "info";
}

/** What an operator needs to know and a client must not. A stack helps with our own failures only. */
function explain({ status, cause, rawMessage }: GatewayError): unknown {
  if (status >= 500) return describeError(cause ?? rawMessage);
  return cause instanceof Error ? cause.message : rawMessage;
}

const MAX_LOGGED_PATH = 1_024;

/** The path without the query, in which a careless client may have put a token. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start < 0) return "/";
  const query = url.indexOf("?", start);
  return url.slice(start, query < 0 ? undefined : query).slice(0, MAX_LOGGED_PATH);
}
