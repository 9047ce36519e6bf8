import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { describeError, describeTrouble, type Logger } from "../../telemetry/logger.ts";
import { labelOf } from "../../upstream/services.ts";
import type { BridgeMetrics } from "./bridge-metrics.ts";
import { type CallRecord, valuesWith } from "./call-record.ts";
import { requestIdOf } from "./request-id.ts";
import { limitRequestTime } from "./request-time.ts";
import type { BridgedRpc } from "./rpc-handlers.ts";
import type { Slots } from "./slots.ts";
import { boundTimeouts } from "./timeouts.ts";

export interface RpcListenerOptions {
  readonly slots: Slots;
  readonly logger: Logger;
  readonly metrics: BridgeMetrics;
}

/** Puts one rpc on Node's HTTP: a slot while it runs, and a line and a count when it has ended. */
export function createRpcListener({ handler, service }: BridgedRpc, options: RpcListenerOptions): RequestListener {
  const { slots, logger, metrics } = options;
  const rpc = `${handler.service.typeName}/${handler.method.name}`;
  const labels = { service: service === undefined ? "bridge" : labelOf(service), method: handler.method.name };
  const duration = metrics.callDuration.labels(labels);
  const inFlight = metrics.callsInFlight.labels({ service: labels.service });
  const { methodKind } = handler.method;
  const hasOneRequest = methodKind === "unary" || methodKind === "server_streaming";

  function ended(request: IncomingMessage, response: ServerResponse, record: CallRecord, startedAt: number): void {
    const { outcome = "REFUSED", protocol, failure } = record;
    const durationMs = performance.now() - startedAt;
    metrics.calls.labels({ ...labels, status: outcome }).inc();
    duration.observe(durationMs / 1000);
    logger.log(failure === undefined && outcome !== "REFUSED" ? "info" : "warn", "call", {
      request_id: requestIdOf(request),
      rpc,
      code: outcome,
      protocol,
      status_code: response.statusCode,
      duration_ms: Math.round(durationMs * 1000) / 1000,
      ...(failure !== undefined && { error: explain(failure) }),
    });
  }

  return (request, response) => {
    const startedAt = performance.now();
    const leave = slots.enter();
    const record: CallRecord = { admitted: leave !== undefined };
    inFlight.add(1);
    response.once("close", () => {
      leave?.();
      inFlight.add(-1);
      ended(request, response, record, startedAt);
    });
    if (hasOneRequest) limitRequestTime(request, response);
    const asked = readHead(request, response, record);
    if (asked === undefined) return;
    boundTimeouts(asked.header);
    handler(asked)
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch((error: unknown) => {
        if (response.closed) return;
        // Half of an answer must not look like a whole one.
        record.failure = error;
        response.destroy();
      });
  };
}

/** Answers 400 where no URL can be made of the request: no or an impossible Host. */
function readHead(request: IncomingMessage, response: ServerResponse, record: CallRecord) {
  try {
    return universalRequestFromNodeRequest(request, response, undefined, valuesWith(record));
  } catch {
    response.writeHead(400).end();
    return undefined;
  }
}

/** A stack helps with our own mistakes only: that a service is gone, slow or unwilling is none. */
function explain(failure: unknown): unknown {
  const isOurs = !(failure instanceof ConnectError) || OUR_CODES.includes(failure.code);
  return isOurs ? describeError(failure) : describeTrouble(failure);
}

const OUR_CODES: readonly Code[] = [Code.Internal, Code.Unknown];
