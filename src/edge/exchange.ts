import type { Caller, RequestContext } from "../context.ts";
import { GatewayError, toGatewayError } from "../errors.ts";
import { type ErrorReporter, NO_ERROR_REPORTS } from "../telemetry/error-reports.ts";
import type { GatewayMetrics } from "../telemetry/gateway-metrics.ts";
import type { Logger, LogLevel } from "../telemetry/logger.ts";
import { logLateFailure, logRequest } from "./access-log.ts";
import type { Cors } from "./cors.ts";
import { problemOf, problemResponse } from "./problem.ts";
import { requestIdOf } from "./request-id.ts";
import { createRequestRecorder } from "./request-metrics.ts";
import { addSecurityHeaders } from "./security-headers.ts";
import { newTraceparent } from "./trace-context.ts";

/** One request and what is known of it so far. */
export interface Exchange extends RequestContext {
  readonly request: Request;
  /** Of the URL, as it came, bounded, without the query: a careless client may have put a token there. */
  readonly path: string;
  /** Headers that the answer will have, whatever it is. */
  readonly answerHeaders: Record<string, string>;
  /** Set once the token has been verified. */
  caller: Caller | undefined;
  /** Set by the guard of a sign-in. */
  signedIn?: ((email: string) => void) | undefined;
  /** The problem body of an error that comes after the answer's head, which it also logs. */
  readonly lateProblem: (thrown: unknown) => { readonly body: object };
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
  /** Whether a request that has just come is one too many. */
  readonly shouldShed: () => boolean;
  /** Hears of errors that are bugs of ours. */
  readonly errorReporter?: ErrorReporter;
}

export interface ExchangeRoute {
  /** The route template: the label in metrics and log, of which there are few. Never a path. */
  readonly label: string;
  /** Probes come every few seconds and are logged at this level. */
  readonly level?: LogLevel;
  /** Also by a process that is overloaded: a probe that it does not answer would have it restarted. */
  readonly alwaysServed?: boolean;
  /** The answer that tells an error in the words of a protocol of its own; undefined: a problem body. */
  readonly refuse?: (failure: GatewayError, request: Request) => Response | undefined;
}

/**
 * The outermost ring around every route: the request's id, its context, the log line, the metrics, the headers that
 * every answer has, and the one place where an error becomes an answer.
 */
export function createExchanges(dependencies: ExchangeDependencies): (route: ExchangeRoute) => RunExchange {
  const { logger, metrics, cors, now, timeoutMs, shouldShed, errorReporter = NO_ERROR_REPORTS } = dependencies;

  const reportBug = (failure: GatewayError, route: string, { request, requestId }: Exchange) => {
    if (failure.errorCode !== "INTERNAL") return;
    errorReporter.report(failure.cause ?? failure, { kind: "request", requestId, route, method: request.method });
  };

  const begin = (route: string, request: Request, notes: Record<string, unknown>): Exchange => {
    const requestId = requestIdOf(request.headers);
    const path = pathOf(request.url);
    const exchange: Exchange = {
      request,
      requestId,
      path,
      traceparent: newTraceparent(),
      deadlineAtMs: now() + timeoutMs,
      answerHeaders: {},
      caller: undefined,
      note: (fields) => Object.assign(notes, fields),
      cacheUses: [],
      lateProblem: (thrown) => {
        const failure = toGatewayError(thrown);
        logLateFailure(logger, exchange, failure);
        reportBug(failure, route, exchange);
        return problemOf(failure, { requestId, instance: path });
      },
    };
    return exchange;
  };

  return ({ label: route, level = "info", alwaysServed = false, refuse }) => {
    const record = createRequestRecorder(metrics, route);

    return async (request, answer) => {
      const started = performance.now();
      const notes: Record<string, unknown> = {};
      const exchange = begin(route, request, notes);
      metrics.activeConnections.add(1);
      let response: Response;
      let failure: GatewayError | undefined;
      try {
        if (!alwaysServed && shouldShed()) throw overloaded();
        response = await answer(exchange);
      } catch (thrown) {
        failure = toGatewayError(thrown);
        reportBug(failure, route, exchange);
        response =
          refuse?.(failure, request) ??
          problemResponse(failure, { requestId: exchange.requestId, instance: exchange.path });
      }
      metrics.activeConnections.add(-1);
      response.headers.set("X-Request-Id", exchange.requestId);
      for (const [name, value] of Object.entries(exchange.answerHeaders)) response.headers.set(name, value);
      cors.decorate(request, response.headers);
      addSecurityHeaders(response.headers);

      // gRPC-Web tells its errors under the status 200; who watches the gateway should see them all the same.
      const status = failure?.status ?? response.status;
      // Workerd's is the wall clock, which can be set back; a histogram whose sum falls would seem to have restarted.
      const durationMs = Math.max(0, performance.now() - started);
      record(request.method, status, durationMs);
      logRequest(logger, level, { exchange, route, status, durationMs, failure, notes });
      return response;
    };
  };
}

function overloaded(): GatewayError {
  return new GatewayError("SERVICE_UNAVAILABLE", "The gateway has too much to do.", { retryAfterSeconds: 1 });
}

const MAX_PATH_LENGTH = 1_024;

function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start < 0) return "/";
  const query = url.indexOf("?", start);
  return url.slice(start, query < 0 ? undefined : query).slice(0, MAX_PATH_LENGTH);
}
