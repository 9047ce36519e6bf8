import { create, type DescMethod, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type MethodImpl,
} from "@connectrpc/connect";
import {
  createAsyncIterable,
  readAllBytes,
  universalServerResponseToFetch as streamed,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { trailerFlag } from "@connectrpc/connect/protocol-grpc-web";
import { type RequestContext, requestContextKey } from "../context.ts";
import { type ImplementationCall, type Implementations, implementationOf } from "../contract/implementations.ts";
import { policyOf, type RpcPolicy, rpcName } from "../contract/policy.ts";
import { compileValidator } from "../contract/request-rules.ts";
import { GatewayError, toGatewayError, validationError } from "../errors.ts";
import { withClientDeadline, withoutTimeout } from "./client-deadline.ts";
import { toConnectError } from "./connect-error.ts";
import { errorResponse } from "./error-response.ts";
import { type Framing, framingOf } from "./framing.ts";
import { unreadable } from "./unreadable.ts";
import { compileMaskCompletion } from "./update-mask.ts";

/** One request to one rpc, as far as the edge has let it through. */
export interface RpcRequest {
  readonly request: Request;
  /** Undefined for an empty one, and for GET. */
  readonly body: Uint8Array | undefined;
  readonly context: RequestContext;
  /**
   * Refuses, by throwing, a caller who is not the one that the policy's self_field names. Over REST that field is in the
   * path; here it is in the message, so the edge cannot ask before the message has been read.
   */
  readonly demandSelf: (selfId: string | undefined) => void;
  /** Logs an error that comes after a stream's first message. Called once. */
  readonly lateProblem: (thrown: unknown) => unknown;
}

/** An rpc, ready to answer Connect and gRPC-Web clients. */
export interface RpcEndpoint {
  /** `/gateway.v1.TasksService/GetTask`: the path, and the label in metrics and log. */
  readonly path: string;
  /** POST, and GET for an rpc without side effects. */
  readonly methods: readonly string[];
  readonly policy: RpcPolicy;
  /** Reads, checks and answers. Rejects with whatever went wrong before the first message. */
  answer(request: RpcRequest): Promise<Response>;
  /** The answer that tells an error, in the client's protocol. */
  refuse(failure: GatewayError, request: Request): Response;
}

export interface RpcEndpointOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Of one message. An envelope names its length before it comes, and is believed up to this. */
  readonly maxBytes: number;
}

/** One call, on its way through Connect's handler. */
interface Call extends Pick<RpcRequest, "demandSelf" | "lateProblem"> {
  /** Connect aborts it with what it could not read. */
  signal?: AbortSignal;
  /** The message has been read. */
  reached: boolean;
  /** What guard, rules or implementation threw before the first message; boxed, since it may be undefined. */
  failure?: { readonly thrown: unknown };
}

const callKey = createContextKey<Call | undefined>(undefined, { description: "the call of an rpc" });

/** All rpcs of these services. Throws where one has no implementation, no policy, or rules that are wrong. */
export function createRpcEndpoints(implementations: Implementations, options: RpcEndpointOptions): RpcEndpoint[] {
  return [...implementations.keys()].flatMap(({ methods }) =>
    methods.map((rpc) => createRpcEndpoint(rpc, implementations, options)),
  );
}

/**
 * Connect's own handler does what the protocols demand. Around it: the edge's guard in front, which has read the body;
 * in it, where no rpc can go around them, the guard that needs the message, and the field rules; and behind it every
 * error comes back out as it was thrown, so that it is logged, counted and worded as over REST.
 *
 * No gRPC: a Fetch answer has no trailers, and Node's server here is HTTP/1.1. No compression of requests: what is not
 * unpacked cannot be a bomb.
 */
export function createRpcEndpoint(
  rpc: DescMethod,
  implementations: Implementations,
  { now, maxBytes }: RpcEndpointOptions,
): RpcEndpoint {
  const policy = policyOf(rpc);
  const handler = connectHandler(rpc, guarded(rpc, policy, implementationOf(rpc, implementations)), maxBytes);

  return {
    path: handler.requestPath,
    methods: handler.allowedMethods,
    policy,
    refuse: (failure, request) => errorResponse(failure, framingOf(rpc, request.headers), request.headers),

    async answer({ request, body, context, demandSelf, lateProblem }) {
      const { headers } = request;
      demandIdentityEncoding(request);
      const framing = framingOf(rpc, headers);
      const call: Call = { demandSelf, lateProblem, reached: false };
      const answer = await handler({
        httpVersion: "",
        // Hono answers HEAD by dropping the body.
        method: request.method === "HEAD" ? "GET" : request.method,
        url: request.url,
        header: withoutTimeout(headers),
        body: createAsyncIterable(body === undefined ? [] : [body]),
        signal: request.signal,
        contextValues: createContextValues()
          .set(requestContextKey, withClientDeadline(context, headers, framing, now))
          .set(callKey, call),
      });
      if (call.failure !== undefined) throw call.failure.thrown;
      if (answer.status === UNSUPPORTED_MEDIA_TYPE) throw unsupported();
      if (!call.reached) throw unreadable(call.signal?.reason, maxBytes);
      const response = rpc.methodKind === "unary" ? await wholeResponse(rpc, answer, framing) : streamed(answer);
      if (policy.noStore) response.headers.set("Cache-Control", "no-store");
      return response;
    },
  };
}

const UNSUPPORTED_MEDIA_TYPE = 415;

function connectHandler(rpc: DescMethod, impl: MethodImpl<DescMethod>, maxBytes: number) {
  const router: ConnectRouter = createConnectRouter({
    grpc: false,
    acceptCompression: [],
    readMaxBytes: maxBytes,
    // As over REST: a typing error in the name of an optional field must not go by unnoticed.
    jsonOptions: { ignoreUnknownFields: false },
    requestGate: ({ values, signal }) => {
      callOf(values).signal = signal;
    },
  });
  return router.rpc(rpc, impl).handlers[0]!;
}

/** The implementation with everything in front of it that needs the message, for each kind of rpc that we serve. */
function guarded(rpc: DescMethod, policy: RpcPolicy, implementation: ImplementationCall): MethodImpl<DescMethod> {
  const validate = compileValidator(rpc, policy);
  const completeMask = compileMaskCompletion(rpc, policy);
  const selfField = rpc.input.fields.find(({ name }) => name === policy.selfField)?.localName;

  const check = (message: Message, call: Call) => {
    if (policy.selfField !== undefined) call.demandSelf(textOf(message, selfField));
    const violations = validate(message);
    if (violations.length > 0) throw validationError(violations);
    completeMask?.(message);
  };

  const unary = async (message: Message, context: HandlerContext): Promise<Message> => {
    const call = callOf(context.values);
    call.reached = true;
    try {
      check(message, call);
      return create(rpc.output, (await implementation(message, context)) as MessageInit);
    } catch (thrown) {
      call.failure = { thrown };
      throw thrown;
    }
  };

  async function* serverStreaming(message: Message, context: HandlerContext): AsyncGenerator<Message> {
    const call = callOf(context.values);
    call.reached = true;
    let begun = false;
    try {
      check(message, call);
      for await (const each of implementation(message, context) as AsyncIterable<MessageInit>) {
        const output = create(rpc.output, each);
        begun = true;
        yield output;
      }
    } catch (thrown) {
      if (begun) call.lateProblem(thrown);
      else call.failure = { thrown };
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

function callOf(values: HandlerContext["values"]): Call {
  const call = values.get(callKey);
  if (call === undefined) throw new Error("an rpc was called without its guard");
  return call;
}

function textOf(message: Message, localName: string | undefined): string | undefined {
  const value = localName === undefined ? undefined : (message as unknown as Record<string, unknown>)[localName];
  return typeof value === "string" ? value : undefined;
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
