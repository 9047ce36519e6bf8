import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  type HandlerContext,
  type Transport,
} from "@connectrpc/connect";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { UPSTREAM_SERVICES, type UpstreamService } from "../../upstream/services.ts";
import { BRIDGED_SERVICES } from "./bridged-services.ts";
import { callRecordOf } from "./call-record.ts";
import { forward } from "./forward.ts";
import { createHealth } from "./health.ts";
import { recordOutcome } from "./record-outcome.ts";

/** Answers one rpc in the protocol that it is asked in. */
export type RpcHandler = ConnectRouter["handlers"][number];

export interface RpcHandlersOptions {
  readonly transports: Readonly<Record<UpstreamService, Transport>>;
  readonly timeoutMs: number;
  /** Fires when the process wants to stop: a stream would keep it from doing so. Calls with one answer may finish. */
  readonly endStreams: AbortSignal;
}

/** An rpc, and the service that it is passed on to; our own is passed on to none. */
export interface BridgedRpc {
  readonly handler: RpcHandler;
  readonly service: UpstreamService | undefined;
}

/** The largest message, either way: more than any of the platform's. */
const MAX_MESSAGE_BYTES = 16 * 1_048_576;

/**
 * Every rpc of the platform, made from the descriptors alone.
 *
 * Nothing is compressed here, and nothing is decompressed: workerd unpacks an answer and leaves the header that says
 * it is packed; and what is not unpacked cannot be a bomb. The proxy in front, which ends TLS, may do it.
 */
export function createRpcHandlers({ transports, timeoutMs, endStreams }: RpcHandlersOptions): readonly BridgedRpc[] {
  const options = {
    acceptCompression: [],
    readMaxBytes: MAX_MESSAGE_BYTES,
    interceptors: [recordOutcome],
    requestGate: demandSlot,
  };
  const platform = UPSTREAM_SERVICES.flatMap(({ key: service }) => {
    const router = createConnectRouter(options);
    for (const method of BRIDGED_SERVICES[service].methods) {
      const impl = forward(method, { service, transport: transports[service], timeoutMs });
      router.rpc(method, impl, method.methodKind === "unary" ? undefined : { shutdownSignal: endStreams });
    }
    return router.handlers.map((handler) => ({ handler, service }));
  });
  const own = createConnectRouter(options).service(Health, createHealth(transports)).handlers;
  return [...platform, ...own.map((handler) => ({ handler, service: undefined }))];
}

/** Refuses, before the body is read, a call that there is no room for; in the words of whatever protocol it came in. */
function demandSlot(context: HandlerContext): void {
  const record = callRecordOf(context.values);
  record.protocol = context.protocolName;
  if (record.admitted) return;
  record.outcome = "UNAVAILABLE";
  throw new ConnectError("The bridge is at its limit.", Code.Unavailable);
}
