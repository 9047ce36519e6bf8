import { create, type DescMethodUnary } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { createClientMethodSerializers, createMethodUrl, encodeEnvelope } from "@connectrpc/connect/protocol";
import { createRequestHeaders } from "./request-headers.ts";
import { UnaryAnswer } from "./unary-answer.ts";
import { callUnary, type Sessions } from "./unary-call.ts";

export interface GrpcUnaryOptions {
  readonly baseUrl: string;
  /** Whoever made it closes it. */
  readonly sessions: Sessions;
  /** The largest message that is taken. */
  readonly readMaxBytes: number;
}

/** What the calls of a method have in common. */
interface WireMethod {
  readonly path: string;
  readonly serializers: ReturnType<typeof serializersOf>;
}

const serializersOf = (method: DescMethodUnary) => createClientMethodSerializers(method, true);

/**
 * The unary half of a gRPC transport, on node:http2 with nothing in between. To its callers it is Connect's: the same
 * answers, and the same errors (test/node/grpc/same-as-connect.test.ts), but for two places where Connect loses what a
 * service said: readable-status.ts and stream-errors.ts.
 *
 * Connect's own sends one message through the pipeline that serves streams, four async generators deep, copies headers
 * between three kinds of object, and ends every call, the good ones too, by aborting a signal. None of that is in the
 * protocol, where a call is HEADERS and DATA there and HEADERS, DATA, HEADERS back: 44 µs of CPU with 32 under way in
 * place of 176, of which this folder has 4 (bench/upstream-call.ts).
 *
 * What is missing is what nobody here asks for: interceptors, JSON, and compression, which is neither sent nor offered.
 */
export function createGrpcUnary({ baseUrl, sessions, readMaxBytes }: GrpcUnaryOptions): Transport["unary"] {
  const wireMethods = new Map<unknown, WireMethod>();
  const wireMethodOf = (method: DescMethodUnary): WireMethod => {
    let found = wireMethods.get(method);
    if (found === undefined) {
      found = { path: new URL(createMethodUrl(baseUrl, method)).pathname, serializers: serializersOf(method) };
      wireMethods.set(method, found);
    }
    return found;
  };
  const requestHeaders = createRequestHeaders();
  return async (method, signal, timeoutMs, header, input) => {
    const { path, serializers } = wireMethodOf(method as DescMethodUnary);
    // Connect takes 0 and less for "no limit".
    const limitMs = timeoutMs === undefined || timeoutMs <= 0 ? undefined : timeoutMs;
    const answered = await callUnary({
      sessions,
      path,
      headers: requestHeaders(header, limitMs),
      body: encodeEnvelope(0, serializers.serialize(create(method.input, input))),
      parse: serializers.parse,
      readMaxBytes,
      timeoutMs: limitMs,
      signal,
    });
    return new UnaryAnswer(method, answered);
  };
}
