import type { IncomingMessage, RequestListener } from "node:http";
import type { Transport } from "@connectrpc/connect";
import type { Lifecycle } from "../../ports.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { UpstreamService } from "../../upstream/services.ts";
import { showsSecret } from "./bearer-secret.ts";
import type { BridgeConfig } from "./bridge-config.ts";
import { createBridgeMetrics } from "./bridge-metrics.ts";
import { createOpenListeners } from "./open-listeners.ts";
import { createPresenceListener, PRESENCE_CALLS } from "./presence-listener.ts";
import { refuseSecret, refuseUnknownPath } from "./refusals.ts";
import { requestIdOf } from "./request-id.ts";
import { createRpcHandlers } from "./rpc-handlers.ts";
import { createRpcListener } from "./rpc-listener.ts";
import { createSlots } from "./slots.ts";

export interface BridgeListenerOptions {
  readonly transports: Readonly<Record<UpstreamService, Transport>>;
  readonly logger: Logger;
  readonly lifecycle: () => Lifecycle;
  /** Fires when streams have to end. */
  readonly endStreams: AbortSignal;
}

/**
 * The bridge as a listener of Node's. A request meets, in this order:
 *
 * 1. what anybody may ask: health and metrics
 * 2. the secret, before anything of the request is read but its head
 * 3. its rpc by path, made from the descriptors, with a slot of its service's
 * 4. the Presence Service's two calls
 * 5. else the answer that there is no such method; no service is asked
 */
export function createBridgeListener(config: BridgeConfig, options: BridgeListenerOptions): RequestListener {
  const { secret, metricsToken, presenceUrl, upstreamTimeoutMs: timeoutMs, maxInFlight } = config;
  const { transports, logger, lifecycle, endStreams } = options;
  const metrics = createBridgeMetrics();
  const open = createOpenListeners({ lifecycle, metrics, metricsToken });
  const presenceOptions = { url: presenceUrl, timeoutMs, slots: createSlots(maxInFlight), logger };
  const presence = new Map<string, RequestListener>(
    PRESENCE_CALLS.map((call) => [call, createPresenceListener(call, presenceOptions)]),
  );
  const slots = new Map<string, ReturnType<typeof createSlots>>();
  const rpcs = new Map(
    createRpcHandlers({ transports, timeoutMs, endStreams }).map((rpc) => {
      // Beside each other: watchers that stay for hours must not take the place of calls that take milliseconds.
      const kind = `${rpc.service} ${rpc.handler.method.methodKind === "unary" ? "calls" : "streams"}`;
      const shared = slots.get(kind) ?? createSlots(maxInFlight);
      slots.set(kind, shared);
      return [rpc.handler.requestPath, createRpcListener(rpc, { slots: shared, logger, metrics })];
    }),
  );

  const refused = (request: IncomingMessage, reason: string) => {
    metrics.refusals.labels({ reason }).inc();
    logger.log("warn", "refused", {
      request_id: requestIdOf(request),
      reason,
      method: request.method?.slice(0, 32),
      url: pathOf(request).slice(0, 200),
    });
  };

  return (request, response) => {
    const path = pathOf(request);
    const openListener = open.get(`${request.method} ${path}`);
    if (openListener !== undefined) return openListener(request, response);
    if (!showsSecret(request, secret)) {
      refused(request, "secret");
      return refuseSecret(request, response);
    }
    const listener = rpcs.get(path) ?? presence.get(`${request.method} ${path}`);
    if (listener !== undefined) return listener(request, response);
    refused(request, "path");
    return refuseUnknownPath(request, response);
  };
}

/** Without the query, in which Connect's GET puts the message. */
function pathOf({ url = "" }: IncomingMessage): string {
  return url.split("?", 1)[0]!;
}
