import type { RequestContext } from "../context.ts";
import type { GatewayMetrics } from "../telemetry/gateway-metrics.ts";
import { describeError, type Logger } from "../telemetry/logger.ts";
import { PRESENCE_LABEL } from "./services.ts";

/** The short name of a presence status, as the Presence Service takes it. */
export type PresenceName = "OFFLINE" | "IDLE" | "SEARCHING";

export interface PresenceClient {
  /**
   * Tells the Presence Service, which is a side dependency: the User Service is the authority. Never rejects; a failure
   * shows in the log and in the metric.
   */
  tell(userId: string, status: PresenceName, context: RequestContext): Promise<void>;
  /** Rejects unless `/healthz` answers 200 within the given time. */
  checkHealth(timeoutMs: number): Promise<void>;
}

export interface PresenceClientOptions {
  /** Absolute, without a path. */
  readonly url: string;
  readonly fetch: typeof fetch;
  /** Shown as `Authorization: Bearer …` to the bridge that stands in the service's place. */
  readonly bridgeSecret?: string | undefined;
  readonly metrics: GatewayMetrics;
  readonly logger: Logger;
}

/** The Presence Service is told within this time or not at all. */
const TELL_TIMEOUT_MS = 1_000;

/** Makes the client of the Presence Service, the only one behind the gateway that speaks HTTP and JSON. */
export function createPresenceClient(options: PresenceClientOptions): PresenceClient {
  const { url, fetch, bridgeSecret, metrics, logger } = options;
  const credentials = bridgeSecret === undefined ? {} : { authorization: `Bearer ${bridgeSecret}` };
  const counted = (status: string) =>
    metrics.serviceCalls.labels({ service: PRESENCE_LABEL, method: "SetPresence", status });

  return {
    async tell(userId, status, { requestId, traceparent }) {
      try {
        const response = await fetch(`${url}/api/v1/presence`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "x-request-id": requestId,
            ...credentials,
            ...(traceparent === undefined ? {} : { traceparent }),
          },
          body: JSON.stringify({ user_id: userId, status }),
          // A redirect would carry our metadata to whom we never chose. Not "error", which workerd refuses.
          redirect: "manual",
          signal: AbortSignal.timeout(TELL_TIMEOUT_MS),
        });
        // The record in the answer is of no use here; an unread body would hold the connection.
        await response.body?.cancel();
        if (!response.ok) throw new HttpError(response.status);
        if (isPage(response)) throw new HttpError(response.status, "with a page");
        counted("OK").inc();
      } catch (error) {
        counted(grpcCodeNameOf(error)).inc();
        logger.log("warn", "the presence service was not told", {
          request_id: requestId,
          user_id: userId,
          error: describeError(error),
        });
      }
    },

    async checkHealth(timeoutMs) {
      const signal = AbortSignal.timeout(timeoutMs);
      const response = await fetch(`${url}/healthz`, { headers: credentials, redirect: "manual", signal });
      await response.body?.cancel();
      if (!response.ok) throw new HttpError(response.status);
    },
  };
}

class HttpError extends Error {
  override name = "HttpError";
  readonly status: number;

  constructor(status: number, ...more: string[]) {
    super([`HTTP ${status}`, ...more].join(" "));
    this.status = status;
  }
}

/** A login page or a parked domain answers 200 as well, and has told nobody. */
function isPage({ headers }: Response): boolean {
  return headers.get("content-type")?.startsWith("text/html") ?? false;
}

/** HTTP statuses as gRPC names them, so that one query counts the failures of all services. */
const GRPC_CODE_NAMES: ReadonlyMap<number, string> = new Map([
  [400, "INTERNAL"],
  [401, "UNAUTHENTICATED"],
  [403, "PERMISSION_DENIED"],
  [404, "UNIMPLEMENTED"],
  [405, "UNIMPLEMENTED"],
  [429, "UNAVAILABLE"],
  [501, "UNIMPLEMENTED"],
  [502, "UNAVAILABLE"],
  [503, "UNAVAILABLE"],
  [504, "UNAVAILABLE"],
]);

function grpcCodeNameOf(error: unknown): string {
  if (error instanceof HttpError) return GRPC_CODE_NAMES.get(error.status) ?? "UNKNOWN";
  return error instanceof Error && error.name === "TimeoutError" ? "DEADLINE_EXCEEDED" : "UNAVAILABLE";
}
