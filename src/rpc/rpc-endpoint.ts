import type { DescMethod, Message } from "@bufbuild/protobuf";
import { createConnectRouter, createContextValues, type MethodImpl } from "@connectrpc/connect";
import { createAsyncIterable, readAllBytes, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import { trailerFlag } from "@connectrpc/connect/protocol-grpc-web";
import { type RequestContext, requestContextKey } from "../context.ts";
import { type Implementations, implementationOf } from "../contract/implementations.ts";
import { policyOf, type RpcPolicy, rpcName } from "../contract/policy.ts";
import { GatewayError } from "../errors.ts";
import { withClientDeadline, withoutTimeout } from "./client-deadline.ts";
import { errorResponse } from "./error-response.ts";
import { type Framing, framingOf } from "./framing.ts";
import { demandOneEnvelope } from "./one-envelope.ts";
import { guardedImplementation, type RpcCall, type RpcGuard, rpcCallKey, rpcCallOf } from "./rpc-call.ts";
import { unreadable } from "./unreadable.ts";

/** One request to one rpc, as far as the edge has let it through. */
export interface RpcRequest extends RpcGuard {
  readonly request: Request;
  /** Undefined for an empty one, and for GET. */
  readonly body: Uint8Array | undefined;
  readonly context: RequestContext;
}

/** A request that has been taken up. Whoever wants it answered reads its message first. */
export interface OpenRpc {
  /** The request message, good by its rules. Rejects with what is wrong with it, or with the request. */
  readonly message: Promise<Message>;
  /** Calls the implementation and answers. Rejects with whatever went wrong before the first message. */
  answer(): Promise<Response>;
}

/** An rpc, ready to answer Connect and gRPC-Web clients. */
export interface RpcEndpoint {
  readonly rpc: DescMethod;
  readonly policy: RpcPolicy;
  /** `/gateway.v1.TasksService/GetTask`: the path, and the label in metrics and log. */
  readonly path: string;
  /** POST, and GET for an rpc without side effects. */
  readonly methods: readonly string[];
  /** Throws for a request that no message can be read from. */
  open(request: RpcRequest): OpenRpc;
  /** The answer that tells an error, in the client's protocol. */
  refuse(failure: GatewayError, request: Request): Response;
}

export interface RpcEndpointOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** All rpcs of these services. Throws where one has no implementation, no policy, or rules that are wrong. */
export function createRpcEndpoints(implementations: Implementations, options: RpcEndpointOptions): RpcEndpoint[] {
  return [...implementations.keys()].flatMap(({ methods }) =>
    methods.map((rpc) => createRpcEndpoint(rpc, implementations, options)),
  );
}

/**
 * Connect's own handler does what the protocols demand: it finds the message and frames the answer. In front of it
 * stands the edge's guard; in it, where no call can go around them, stand the guard that needs the message and the
 * field rules; and every error comes back out of it as it was thrown, to be logged, counted and worded as over REST.
 *
 * No gRPC: a Fetch answer has no trailers, and Node's server here is HTTP/1.1. No compression of requests: what is not
 * unpacked cannot be a bomb.
 */
export function createRpcEndpoint(
  rpc: DescMethod,
  implementations: Implementations,
  { now }: RpcEndpointOptions,
): RpcEndpoint {
  const policy = policyOf(rpc);
  const implementation = guardedImplementation(rpc, policy, implementationOf(rpc, implementations));
  const handler = connectHandler(rpc, implementation);
  const isUnary = rpc.methodKind === "unary";

  return {
    rpc,
    policy,
    path: handler.requestPath,
    // Connect has no GET for a stream.
    methods: isUnary ? handler.allowedMethods : ["POST"],
    refuse: (failure, request) => errorResponse(failure, framingOf(rpc, request.headers), request.headers),

    open({ request, body, context, demandSelf, lateProblem }) {
      const { headers, method, url } = request;
      demandIdentityEncoding(request);
      const framing = framingOf(rpc, headers);
      context.note({ protocol: framing === "grpc-web" ? "grpc-web" : "connect" });
      if (framing !== "plain") demandOneEnvelope(body);
      const message = Promise.withResolvers<Message>();
      const leave = Promise.withResolvers<void>();
      const call: RpcCall = { demandSelf, lateProblem, message, leave };
      const gone = isUnary ? undefined : new AbortController();
      const handled = handler({
        httpVersion: "",
        // Hono answers HEAD by dropping the body.
        method: method === "HEAD" ? "GET" : method,
        url,
        header: withoutTimeout(headers),
        body: createAsyncIterable(body === undefined ? [] : [body]),
        signal: gone === undefined ? request.signal : AbortSignal.any([request.signal, gone.signal]),
        contextValues: createContextValues()
          .set(requestContextKey, withClientDeadline(context, headers, framing, now))
          .set(rpcCallKey, call),
      });
      // Connect answers before the message has arrived only what it cannot read. After that, nobody hears this.
      handled.then(({ status }) => {
        message.reject(status === 415 ? unsupported() : unreadable(call.signal?.reason));
      }, message.reject);

      return {
        message: message.promise,
        async answer() {
          leave.resolve();
          const answer = await handled;
          if (call.failure !== undefined) throw call.failure.thrown;
          const response =
            gone === undefined ? await wholeResponse(rpc, answer, framing) : streamedResponse(answer, gone);
          if (policy.noStore) response.headers.set("Cache-Control", "no-store");
          return response;
        },
      };
    },
  };
}

function connectHandler(rpc: DescMethod, implementation: MethodImpl<DescMethod>) {
  const router = createConnectRouter({
    grpc: false,
    acceptCompression: [],
    // As over REST: a typing error in the name of an optional field must not go by unnoticed.
    jsonOptions: { ignoreUnknownFields: false },
    requestGate: ({ values, signal }) => {
      rpcCallOf(values).signal = signal;
    },
  });
  return router.rpc(rpc, implementation).handlers[0]!;
}

/** Where the protocols say that a request is compressed, beside HTTP's own header, which the edge has seen to. */
function demandIdentityEncoding({ url, headers, method }: Request): void {
  const inQuery = method === "POST" ? null : new URL(url).searchParams.get("compression");
  for (const encoding of [headers.get("grpc-encoding"), headers.get("connect-content-encoding"), inQuery]) {
    if (encoding === null || encoding === "" || encoding === "identity") continue;
    throw new GatewayError("UNSUPPORTED_MEDIA_TYPE", "Send the message without compression.");
  }
}

function unsupported(): GatewayError {
  return new GatewayError(
    "UNSUPPORTED_MEDIA_TYPE",
    "Send application/json, application/proto, application/grpc-web+proto or application/grpc-web+json.",
  );
}

/**
 * The answer of an rpc with one message, which is all there. Throws UPSTREAM_ERROR where Connect could not write the
 * message: the codec cannot express it, e.g. a Timestamp in the year 10000, and it came from a service: 502, not 500.
 */
async function wholeResponse(rpc: DescMethod, answer: UniversalServerResponse, framing: Framing): Promise<Response> {
  const bytes = await readAllBytes(answer.body ?? createAsyncIterable([]), Number.POSITIVE_INFINITY);
  const written = framing === "grpc-web" ? bytes[0] !== trailerFlag : answer.status === 200;
  if (written) return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: answer.header ?? {} });
  const cause = new Error(`${rpcName(rpc)}: ${new TextDecoder().decode(bytes)}`);
  throw new GatewayError("UPSTREAM_ERROR", "A service answered with a value that cannot be expressed.", { cause });
}

/**
 * The answer of a stream, of which nothing is read ahead. When its reader goes away, the rpc's signal fires at once,
 * since not every runtime's request signal says so, and a generator that waits for a silent upstream hears of nothing
 * else; one that waits for its reader hears of the return.
 */
function streamedResponse({ status, header, body }: UniversalServerResponse, gone: AbortController): Response {
  const iterator = (body ?? createAsyncIterable<Uint8Array>([]))[Symbol.asyncIterator]();
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel() {
        gone.abort();
        iterator.return?.().catch(() => {});
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(stream, { status, headers: header ?? {} });
}
