import type { DescMethod, DescMethodStreaming, DescMethodUnary, Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type MethodImpl, type Transport } from "@connectrpc/connect";
import { only } from "../../upstream/only.ts";
import type { UpstreamService } from "../../upstream/services.ts";
import { createToCallerError } from "./caller-error.ts";
import { forwardedMetadata } from "./forwarded-metadata.ts";
import { timeLeft } from "./timeouts.ts";

export interface ForwardOptions {
  readonly service: UpstreamService;
  readonly transport: Transport;
  /** The ceiling for a call that has one answer. */
  readonly timeoutMs: number;
}

/**
 * The implementation of any method: the same call, to the service behind. Messages are decoded and encoded on the way,
 * since a caller may speak JSON; fields that we do not know survive it in the binary format.
 *
 * The ceiling is for calls with one answer. A stream such as WatchProposals is meant to stay open for as long as its
 * caller reads; it ends with its caller, its caller's deadline, or us.
 */
export function forward(method: DescMethod, { service, transport, timeoutMs }: ForwardOptions): MethodImpl<DescMethod> {
  const toCallerError = createToCallerError(service, method);

  async function unary(request: Message, context: HandlerContext): Promise<Message> {
    try {
      const { signal, requestHeader } = context;
      const left = timeLeft(context, timeoutMs);
      const metadata = forwardedMetadata(requestHeader);
      return (await transport.unary(method as DescMethodUnary, signal, left, metadata, request)).message;
    } catch (error) {
      throw toCallerError(error, context.signal);
    }
  }

  async function* stream(requests: AsyncIterable<Message>, context: HandlerContext): AsyncGenerator<Message> {
    try {
      const { signal, requestHeader } = context;
      const metadata = forwardedMetadata(requestHeader);
      const left = timeLeft(context);
      yield* (await transport.stream(method as DescMethodStreaming, signal, left, metadata, requests)).message;
    } catch (error) {
      throw toCallerError(error, context.signal);
    }
  }

  const implementations = {
    unary,
    server_streaming: (request: Message, context: HandlerContext) => stream(only(request), context),
    client_streaming: async (requests: AsyncIterable<Message>, context: HandlerContext) =>
      theOne(stream(requests, context)),
    bidi_streaming: stream,
  };
  return implementations[method.methodKind] as MethodImpl<DescMethod>;
}

/** The one answer to a stream of requests; read to the end, where the status stands. */
async function theOne(messages: AsyncIterable<Message>): Promise<Message> {
  let answer: Message | undefined;
  for await (const message of messages) answer = message;
  if (answer === undefined) throw new ConnectError("The service did not answer.", Code.Internal);
  return answer;
}
