import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { appendHeaders, Code, ConnectError, type Transport } from "@connectrpc/connect";
import { codeFromHttpStatus, errorFromJsonBytes, trailerDemux } from "@connectrpc/connect/protocol-connect";
import { createSend, readWhole, type UpstreamFetchOptions } from "./upstream-fetch.ts";

const TYPE = "application/proto";

/**
 * One call with one answer, by the Connect protocol and over fetch: a POST of bytes, and bytes back. Connect's own
 * client does the same through interceptors, three sets of headers and two Responses, since what it reads must be
 * bounded before: with it `GET /api/v1/tasks/{task_id}` took a quarter to a third more of workerd's CPU (440 µs, with
 * this 335, two cores, stand-in). Streams, and gRPC-Web, are Connect's own.
 *
 * Source: connectrpc.com/docs/protocol, "Unary-Request" and "Unary-Response".
 */
export function createConnectUnary(baseUrl: string, options: UpstreamFetchOptions): Transport["unary"] {
  const send = createSend(options);
  return async (method, signal, timeoutMs, header, input) => {
    const deadline = startDeadline(signal, timeoutMs);
    try {
      const headers = new Headers(header);
      headers.set("content-type", TYPE);
      headers.set("connect-protocol-version", "1");
      if (timeoutMs !== undefined && timeoutMs > 0) headers.set("connect-timeout-ms", String(timeoutMs));
      const body = toBinary(method.input, create(method.input, input)) as Uint8Array<ArrayBuffer>;
      const url = `${baseUrl}/${method.parent.typeName}/${method.name}`;
      const response = await send(url, { method: "POST", headers, body, signal: deadline.signal });
      const bytes = await readWhole(response);
      if (response.status !== 200) throw errorOf(response, bytes);
      const type = response.headers.get("content-type");
      if (type?.toLowerCase() !== TYPE) throw new ConnectError(`unsupported content type ${type}`, Code.Unknown);
      const message = fromBinary(method.output, bytes);
      return {
        stream: false,
        service: method.parent,
        method,
        header: response.headers,
        message,
        trailer: new Headers(),
      };
    } catch (error) {
      throw deadline.errorOf(error);
    } finally {
      deadline.end();
    }
  };
}

/** The service's own error where the answer is one, else what its HTTP status means. */
function errorOf({ status, headers }: Response, bytes: Uint8Array): ConnectError {
  const fromStatus = new ConnectError(`HTTP ${status}`, codeFromHttpStatus(status));
  if (!headers.get("content-type")?.toLowerCase().startsWith("application/json")) return fromStatus;
  // Beside it stands what the service says of it, as headers or as trailers: how soon it wants to be called again.
  const metadata = appendHeaders(...trailerDemux(headers));
  // Throws the fallback, not what is wrong with the JSON.
  return errorFromJsonBytes(bytes, metadata, fromStatus);
}

interface Deadline {
  /** Fires when the time is over or the caller leaves. */
  readonly signal: AbortSignal;
  /** What a call has failed with: the deadline, the caller's leaving, or what was thrown. */
  errorOf(thrown: unknown): ConnectError;
  end(): void;
}

function startDeadline(caller: AbortSignal | undefined, timeoutMs: number | undefined): Deadline {
  const controller = new AbortController();
  const leave = () => controller.abort();
  if (caller?.aborted) leave();
  caller?.addEventListener("abort", leave);
  let late = false;
  const timer =
    timeoutMs === undefined || timeoutMs <= 0
      ? undefined
      : setTimeout(() => {
          late = true;
          controller.abort();
        }, timeoutMs);
  return {
    signal: controller.signal,
    errorOf(thrown) {
      if (late) return new ConnectError("the operation timed out", Code.DeadlineExceeded);
      if (caller?.aborted) {
        return new ConnectError("the caller left", Code.Canceled, undefined, undefined, caller.reason);
      }
      return ConnectError.from(thrown);
    },
    end() {
      if (timer !== undefined) clearTimeout(timer);
      caller?.removeEventListener("abort", leave);
    },
  };
}
