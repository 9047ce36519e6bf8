import { problemResponse } from "./edge/problem.ts";
import { requestIdOf } from "./edge/request-id.ts";
import { GatewayError } from "./errors.ts";
import type { Gateway } from "./gateway.ts";

/** Somebody has to mend it and deploy again: nothing that a client should try every second. */
const RETRY_AFTER_SECONDS = 30;

/**
 * Stands in for a gateway that could not be built, where there is no process whose start could fail: every request,
 * probes included, is 503. What is wrong is for the log.
 */
export function createRefusingGateway(): Gateway {
  return {
    fetch({ url, headers }) {
      const requestId = requestIdOf(headers);
      const error = new GatewayError("SERVICE_UNAVAILABLE", "The gateway is not configured.", {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
        headers: { "X-Request-Id": requestId },
      });
      return problemResponse(error, { requestId, instance: new URL(url).pathname });
    },
  };
}
