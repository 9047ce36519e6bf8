import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { Logger } from "../logger.ts";
import { codeName } from "./code-name.ts";

/**
 * Logs each call once, when it has ended: a stream with its last message. Headers and messages stay out, but for the
 * request id. What a service throws that is no refusal is a bug: it is logged whole, and the caller hears nothing of it.
 */
export function logCalls(log: Logger): Interceptor {
  return (next) => async (request) => {
    const started = performance.now();
    const write = (code: string, error?: unknown) => {
      const requestId = request.header.get("x-request-id");
      log(error === undefined ? "info" : "error", {
        ...(requestId === null ? {} : { request_id: requestId.slice(0, 128) }),
        rpc: `${request.service.typeName}/${request.method.name}`,
        code,
        duration_ms: Math.round((performance.now() - started) * 1000) / 1000,
        ...(error === undefined ? {} : { error: error instanceof Error ? error.stack : String(error) }),
      });
    };
    const refuse = (error: unknown): ConnectError => {
      if (error instanceof ConnectError) {
        write(codeName(error.code));
        return error;
      }
      write(codeName(Code.Internal), error);
      return new ConnectError("internal error", Code.Internal);
    };
    try {
      const response = await next(request);
      if (!response.stream) {
        write("OK");
        return response;
      }
      const ended = () => write(request.signal.aborted ? codeName(abortCode(request.signal)) : "OK");
      return { ...response, message: watch(response.message, ended, refuse) };
    } catch (error) {
      throw refuse(error);
    }
  };
}

/** Passes a stream's messages on, and tells how it came to its end: all read, left by its reader, or refused. */
async function* watch<T>(messages: AsyncIterable<T>, ended: () => void, refuse: (error: unknown) => ConnectError) {
  let refusal: ConnectError | undefined;
  try {
    yield* messages;
  } catch (error) {
    refusal = refuse(error);
    throw refusal;
  } finally {
    if (refusal === undefined) ended();
  }
}

/** Why a call was aborted: its deadline, its client, or our own stop. */
function abortCode(signal: AbortSignal): Code {
  return ConnectError.from(signal.reason, Code.Canceled).code;
}
