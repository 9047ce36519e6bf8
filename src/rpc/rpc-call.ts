import { create, type DescMethod, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { type ContextValues, createContextKey, type HandlerContext, type MethodImpl } from "@connectrpc/connect";
import type { ImplementationCall } from "../contract/implementations.ts";
import { type RpcPolicy, rpcName } from "../contract/policy.ts";
import { compileValidator } from "../contract/request-rules.ts";
import { toGatewayError, validationError } from "../errors.ts";
import { toConnectError } from "./connect-error.ts";
import { compileMaskCompletion } from "./update-mask.ts";

/** What a call asks of those who let it through. */
export interface RpcGuard {
  /**
   * Refuses, by throwing, a caller who is not the one that the policy's self_field names. Over REST that field is in the
   * path; here it is in the message, so the edge cannot ask before the message has been read.
   */
  readonly demandSelf: (selfId: string | undefined) => void;
  /** Logs an error that comes after a stream's first message. Called once. */
  readonly lateProblem: (thrown: unknown) => unknown;
}

/** One call on its way through Connect's handler, which reads the message, waits for leave, and then answers. */
export interface RpcCall extends RpcGuard {
  /** Settled with the message once it has been read and found good, or with what is wrong with it. */
  readonly message: PromiseWithResolvers<Message>;
  /** Resolved by whoever lets the call go on. */
  readonly leave: PromiseWithResolvers<void>;
  /** Connect aborts it with what it could not read. */
  signal?: AbortSignal;
  /** What the implementation threw before its first message; boxed, since it may be undefined. */
  failure?: { readonly thrown: unknown };
}

export const rpcCallKey = createContextKey<RpcCall | undefined>(undefined, { description: "the call of an rpc" });

/** The call that Connect's handler is at. There is no way to an implementation without one, so none without its guard. */
export function rpcCallOf(values: ContextValues): RpcCall {
  const call = values.get(rpcCallKey);
  if (call === undefined) throw new Error("an rpc was called without its guard");
  return call;
}

/**
 * The implementation as Connect may call it: behind the guard that needs the message, the field rules, and the leave of
 * whoever counts calls. Throws for an rpc that we cannot serve.
 */
export function guardedImplementation(
  rpc: DescMethod,
  policy: RpcPolicy,
  implementation: ImplementationCall,
): MethodImpl<DescMethod> {
  const check = compileCheck(rpc, policy);

  const arrive = async (message: Message, call: RpcCall): Promise<void> => {
    try {
      check(message, call);
      call.message.resolve(message);
    } catch (thrown) {
      call.message.reject(thrown);
      throw thrown;
    }
    await call.leave.promise;
  };

  const unary = async (message: Message, context: HandlerContext): Promise<Message> => {
    const call = rpcCallOf(context.values);
    await arrive(message, call);
    try {
      return create(rpc.output, (await implementation(message, context)) as MessageInit);
    } catch (thrown) {
      call.failure = { thrown };
      throw thrown;
    }
  };

  async function* serverStreaming(message: Message, context: HandlerContext): AsyncGenerator<Message> {
    const call = rpcCallOf(context.values);
    await arrive(message, call);
    let begun = false;
    try {
      for await (const each of implementation(message, context) as AsyncIterable<MessageInit>) {
        const output = create(rpc.output, each);
        begun = true;
        yield output;
      }
    } catch (thrown) {
      if (!begun) call.failure = { thrown };
      // Where the reader has gone, nothing broke off but what it wanted to.
      else if (!context.signal.aborted) call.lateProblem(thrown);
      // In a stream that has begun, this is what its last frame tells.
      throw toConnectError(toGatewayError(thrown));
    }
  }

  switch (rpc.methodKind) {
    case "unary":
      return unary as MethodImpl<DescMethod>;
    case "server_streaming":
      return serverStreaming as MethodImpl<DescMethod>;
    default:
      throw new Error(`${rpcName(rpc)} takes a stream of requests, which no browser can send`);
  }
}

type MessageInit = MessageInitShape<DescMethod["output"]>;

/** In REST's order: whose it is before what is wrong with it. */
function compileCheck(rpc: DescMethod, policy: RpcPolicy): (message: Message, call: RpcCall) => void {
  const validate = compileValidator(rpc, policy);
  const completeMask = compileMaskCompletion(rpc, policy);
  const selfField = rpc.input.fields.find(({ name }) => name === policy.selfField)?.localName;
  return (message, { demandSelf }) => {
    if (policy.selfField !== undefined) demandSelf(textOf(message, selfField));
    const violations = validate(message);
    if (violations.length > 0) throw validationError(violations);
    completeMask?.(message);
  };
}

function textOf(message: Message, localName: string | undefined): string | undefined {
  const value = localName === undefined ? undefined : (message as unknown as Record<string, unknown>)[localName];
  return typeof value === "string" ? value : undefined;
}
