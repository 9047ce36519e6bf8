import type { GatewayError } from "../errors.ts";
import {
  boundedText,
  describeError,
  describeTrouble,
  type LogFields,
  type Logger,
  type LogLevel,
} from "../telemetry/logger.ts";
import type { Exchange } from "./exchange.ts";

export interface AnsweredRequest {
  readonly exchange: Exchange;
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
  readonly failure: GatewayError | undefined;
  /** What the stages noted on the way. */
  readonly notes: LogFields;
}

/** Longer than any method that has a meaning; a client may make one up that fills a header. */
const MAX_METHOD_LENGTH = 32;

/** Writes the one line that a request leaves (contract.md section 6). `level` is that of a request without failure. */
export function logRequest(logger: Logger, level: LogLevel, answered: AnsweredRequest): void {
  const { exchange, route, status, durationMs, failure, notes } = answered;
  logger.log(levelOf(failure, level), "request", {
    request_id: exchange.requestId,
    method: exchange.request.method.slice(0, MAX_METHOD_LENGTH),
    url: exchange.path,
    route,
    status_code: status,
    duration_ms: Math.round(durationMs * 1000) / 1000,
    user_id: exchange.caller?.userId,
    trace_id: traceIdOf(exchange.traceparent),
    ...notes,
    ...(failure && { code: failure.errorCode, error: explain(failure) }),
  });
}

/** An error that came after the answer's head: the request's own line says that all went well so far. */
export function logLateFailure(logger: Logger, exchange: Exchange, failure: GatewayError): void {
  // Without a cause it is ours: a process that stops ends its streams, and a thousand warnings would hide a real one.
  const isOurs = failure.errorCode === "SERVICE_UNAVAILABLE" && failure.cause === undefined;
  const level = isOurs ? "info" : levelOf(failure, "info");
  logger.log(level, "a stream broke off", {
    request_id: exchange.requestId,
    url: exchange.path,
    code: failure.errorCode,
    error: explain(failure),
  });
}

function levelOf(failure: GatewayError | undefined, level: LogLevel): LogLevel {
  if (failure === undefined) return level;
  if (failure.status >= 500) return failure.errorCode === "INTERNAL" ? "error" : "warn";
  return "info";
}

/** What an operator needs to know and a client must not. A stack helps with our own failures only. */
function explain(failure: GatewayError): unknown {
  const { status, errorCode, cause, message } = failure;
  if (status < 500) return boundedText(cause instanceof Error ? cause.message : message);
  return errorCode === "INTERNAL" ? describeError(cause ?? failure) : describeTrouble(cause ?? failure);
}

function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent?.split("-")[1];
}
