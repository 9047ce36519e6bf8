import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import type { ContextValues } from "@connectrpc/connect";
import type { RequestContext } from "../context.ts";
import type { CallSettings } from "../contract/call-policy.ts";
import type { UpstreamService } from "./services.ts";

/** One unary call to a service, as it walks through the steps of upstream-client.ts. */
export interface Call {
  readonly service: UpstreamService;
  readonly method: DescMethodUnary;
  readonly settings: CallSettings;
  readonly request: Message;
  /** The request of ours that this call serves. */
  readonly context: RequestContext;
  readonly contextValues: ContextValues;
  /** Milliseconds since the epoch at which the call must be over: all attempts, and every wait between them. */
  readonly deadlineAtMs: number;
  /** 1, or 2 and more where an attempt before this one failed. */
  readonly attempt: number;
  /** Something is decided on the answer: it must be the service's own, of now. */
  readonly fresh: boolean;
  /** Fires when our own client went away, or when another attempt has answered. */
  readonly signal: AbortSignal;
  /** It is to find out whether the service is back: one attempt, and no more. */
  readonly isProbe: boolean;
}

/** Makes the call, or hands it to the next step. Rejects with a GatewayError. */
export type CallStep = (call: Call) => Promise<Message>;
