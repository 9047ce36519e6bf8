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
  readonly metrics: GatewayMetrics;
  readonly logger: Logger;
}

/** The Presence Service is told within this time or not at all. */
const TELL_TIMEOUT_MS = 1_000;

/** Makes the client of the Presence Service, the only one behind the gateway that speaks HTTP and JSON. */
export function createPresenceClient({ url, fetch, metrics, logger }: PresenceClientOptions): PresenceClient {
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
            ...(traceparent === undefined ? {} : { traceparent }),
          },
          body: JSON.stringify({ user_id: userId, status }),
          // A redirect would carry our metadata to whom we never chose. Not "error", which workerd refuses.
          redirect: "manual",
          signal: AbortSignal.timeout(TELL_TIMEOUT_MS),
        });
        // The record in the answer is of no use here; an unread body would hold the connection.
        await response.body?.cancel();
        if (!response.ok) throw new Error(`HTTP ${response.status}`);
        counted("OK").inc();
      } catch (error) {
        counted(isTimeout(error) ? "DEADLINE_EXCEEDED" : "UNAVAILABLE").inc();
        logger.log("warn", "the presence service was not told", {
          request_id: requestId,
          user_id: userId,
          error: describeError(error),
        });
      }
    },

    async checkHealth(timeoutMs) {
      const signal = AbortSignal.timeout(timeoutMs);
      const response = await fetch(`${url}/healthz`, { redirect: "manual", signal });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
    },
  };
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === "TimeoutError";
}
