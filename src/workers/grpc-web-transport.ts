import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import {
  parseContentType,
  requestHeader,
  trailerFlag,
  trailerParse,
  validateResponse,
  validateTrailer,
} from "@connectrpc/connect/protocol-grpc-web";
import { only } from "../upstream/only.ts";
import { createEnvelopedStream, type EnvelopedProtocol } from "./enveloped-stream.ts";
import type { Send } from "./upstream-send.ts";

/**
 * gRPC-Web over fetch, in protobuf's bytes. An answer of one message is a stream of one. Source: the gRPC repository,
 * doc/PROTOCOL-WEB.md.
 */
export function createGrpcWebTransport(send: Send): Transport {
  const stream = createEnvelopedStream(send, PROTOCOL);
  return { stream, unary: onlyMessageOf(stream) };
}

const PROTOCOL: EnvelopedProtocol = {
  requestHeaders: (header, timeoutMs) => requestHeader(true, timeoutMs, header, false),
  readHead({ status, headers }) {
    const { foundStatus, headerError } = validateResponse(status, headers);
    if (headerError !== undefined) throw headerError;
    const type = headers.get("content-type");
    if (!parseContentType(type)?.binary) throw new ConnectError(`unsupported content type ${type}`, Code.Unknown);
    return foundStatus;
  },
  endFlag: trailerFlag,
  readEnd(data, header) {
    const trailer = trailerParse(data);
    validateTrailer(trailer, header);
    return trailer;
  },
};

function onlyMessageOf(stream: Transport["stream"]): Transport["unary"] {
  return async <I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    input: MessageInitShape<I>,
  ) => {
    const asStream = method as unknown as DescMethodServerStreaming<I, O>;
    const answer = await stream(asStream, signal, timeoutMs, header, only(input));
    const messages: MessageShape<O>[] = [];
    for await (const message of answer.message) {
      if (messages.push(message) > 1) throw new ConnectError("there is a second message", Code.Unimplemented);
    }
    const [message] = messages;
    if (message === undefined) throw new ConnectError("there is no message", Code.Unimplemented);
    return { ...answer, stream: false as const, method, message };
  };
}
