import { create, type DescMethod, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { createContextValues } from "@connectrpc/connect";
import { type RequestContext, requestContextKey } from "../context.ts";
import { LazyHandlerContext } from "../contract/handler-context.ts";
import { type ImplementationCall, type Implementations, implementationOf } from "../contract/implementations.ts";
import { policyOf, type RpcPolicy, rpcName } from "../contract/policy.ts";
import { compileValidator } from "../contract/request-rules.ts";
import { SILENT_HEAD_MS, settledWithin } from "../contract/stream-life.ts";
import { GatewayError, toGatewayError, validationError } from "../errors.ts";
import { withClientDeadline } from "./client-deadline.ts";
import { toConnectError } from "./connect-error.ts";
import { errorResponse } from "./error-response.ts";
import { readMessage } from "./read-message.ts";
import { compileMaskCompletion } from "./update-mask.ts";
import { contentTypeOf, type Wire, wireOf } from "./wire.ts";
import { type Bytes, endFrame, messageFrame, writeMessage } from "./write-message.ts";

/** What a request message is read from. */
export interface RpcInput {
  readonly request: Request;
  /** Undefined for an empty one, and for GET. */
  readonly body: Uint8Array | undefined;
  /**
   * Refuses, by throwing, a caller who is not the one that the policy's self_field names. Over REST that field is in the
   * path; here it is in the message, so the edge cannot ask before the message has been read.
   */
  readonly demandSelf: (selfId: string | undefined) => void;
}

/** One request to one rpc, as far as the edge has let it through. */
export interface RpcRequest {
  readonly request: Request;
  /** What `read` answered. */
  readonly message: Message;
  readonly context: RequestContext;
  /** Logs an error that comes after a stream's first message. Called once. */
  readonly lateProblem: (thrown: unknown) => unknown;
}

/** An rpc, ready to answer Connect and gRPC-Web clients. */
export interface RpcEndpoint {
  readonly rpc: DescMethod;
  readonly policy: RpcPolicy;
  /** `/gateway.v1.TasksService/GetTask`: the path, and the label in metrics and log. */
  readonly path: string;
  /** POST, and GET for an rpc without side effects. */
  readonly methods: readonly string[];
  /** The request message, good by its rules. Throws what is wrong with it, or with how it was sent. */
  read(input: RpcInput): Message;
  /** Calls the implementation and answers. Rejects with whatever went wrong before the first message. */
  answer(request: RpcRequest): Promise<Response>;
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
 * The serving half of Connect and gRPC-Web, as far as it is ours: which message, and how it is written. The parts are
 * Connect's own (content types, envelopes, errors, trailers), and its handler is the oracle in a test; but we do not call
 * through it. It reads a message and answers it in one go, while our guard stands between the two, and it costs 7 KiB of a
 * Worker's 130 and two to five times the CPU: 68 µs a call over Connect and 182 over gRPC-Web, where this takes 35.
 *
 * No gRPC: a Fetch answer has no trailers, and Node's server here is HTTP/1.1. No compression of requests: what is not
 * unpacked cannot be a bomb.
 */
export function createRpcEndpoint(
  rpc: DescMethod,
  implementations: Implementations,
  { now }: RpcEndpointOptions,
): RpcEndpoint {
  if (rpc.methodKind !== "unary" && rpc.methodKind !== "server_streaming") {
    throw new Error(`${rpcName(rpc)} takes a stream of requests, which no browser can send`);
  }
  const policy = policyOf(rpc);
  const call = implementationOf(rpc, implementations);
  const check = compileCheck(rpc, policy);
  const isUnary = rpc.methodKind === "unary";

  return {
    rpc,
    policy,
    path: `/${rpc.parent.typeName}/${rpc.name}`,
    // Connect has no GET for a stream.
    methods: isUnary && rpc.idempotency === NO_SIDE_EFFECTS ? ["POST", "GET"] : ["POST"],
    refuse: (failure, request) => errorResponse(failure, wireOf(rpc, request)),

    read({ request, body = NOTHING, demandSelf }) {
      demandIdentityEncoding(request);
      const message = readMessage(rpc.input, request, body, demandWire(rpc, request));
      check(message, demandSelf);
      return message;
    },

    async answer({ request, message, context, lateProblem }) {
      const wire = demandWire(rpc, request);
      const protocolName = wire.framing === "grpc-web" ? "grpc-web" : "connect";
      context.note({ protocol: protocolName });
      const bounded = withClientDeadline(context, request.headers, wire, now);
      const values = createContextValues().set(requestContextKey, bounded);
      const remainingMs = () => Math.max(0, bounded.deadlineAtMs - now());
      const handlerContext = new LazyHandlerContext({ protocolName, method: rpc, request, values, remainingMs });
      const mayBeSilent = policy.events !== undefined;
      const answering: Answering = { rpc, mayBeSilent, wire, call, message, context: handlerContext, lateProblem };
      const response = isUnary ? await answerOne(answering) : await answerStream(answering);
      response.headers.set("Content-Type", contentTypeOf(wire));
      const cacheControl = policy.noStore ? "no-store" : cacheControlOf(request);
      if (cacheControl !== undefined) response.headers.set("Cache-Control", cacheControl);
      return response;
    },
  };
}

/** google.protobuf.MethodOptions.IdempotencyLevel.NO_SIDE_EFFECTS */
const NO_SIDE_EFFECTS = 1;
const NOTHING = new Uint8Array();

/** In REST's order: whose it is before what is wrong with it. */
function compileCheck(
  rpc: DescMethod,
  policy: RpcPolicy,
): (message: Message, demandSelf: RpcInput["demandSelf"]) => void {
  const validate = compileValidator(rpc, policy);
  const completeMask = compileMaskCompletion(rpc, policy);
  const selfField = rpc.input.fields.find(({ name }) => name === policy.selfField)?.localName;
  return (message, demandSelf) => {
    if (policy.selfField !== undefined) demandSelf(textOf(message, selfField));
    const violations = validate(message);
    if (violations.length > 0) throw validationError(violations);
    completeMask?.(message);
  };
}

/** As over REST. Without a word a cache may keep what is answered to GET, for as long as it thinks fit (RFC 9111, 4.2.2). */
function cacheControlOf({ method }: Request): string | undefined {
  return method === "POST" ? undefined : "private, no-cache";
}

function textOf(message: Message, localName: string | undefined): string | undefined {
  const value = localName === undefined ? undefined : (message as unknown as Record<string, unknown>)[localName];
  return typeof value === "string" ? value : undefined;
}

interface Answering {
  readonly rpc: DescMethod;
  /** A stream that has nothing to say at first is no reason to keep its reader waiting for a head. */
  readonly mayBeSilent: boolean;
  readonly wire: Wire;
  readonly call: ImplementationCall;
  readonly message: Message;
  readonly context: LazyHandlerContext;
  readonly lateProblem: (thrown: unknown) => unknown;
}

type MessageInit = MessageInitShape<DescMethod["output"]>;

async function answerOne({ rpc, wire, call, message, context }: Answering): Promise<Response> {
  const output = create(rpc.output, (await call(message, context)) as MessageInit);
  const bytes = writeMessage(rpc, output, wire);
  const { setHeaders, setTrailers } = context;
  const headers = new Headers(setHeaders);
  if (wire.framing !== "plain") {
    return new Response(join(messageFrame(bytes), endFrame(wire, setTrailers)), { headers });
  }
  // Connect has no other place for what comes too late for the head.
  for (const [name, value] of setTrailers ?? []) headers.append(`Trailer-${name}`, value);
  return new Response(bytes, { headers });
}

function join(first: Bytes, second: Bytes): Bytes {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}

/** Nothing is read ahead but the first message, so that a stream that cannot begin is refused like any call. */
async function answerStream(answering: Answering): Promise<Response> {
  const { context, mayBeSilent } = answering;
  let headIsOut = false;
  const frames = framesOf(answering, () => headIsOut);
  let next: Promise<IteratorResult<Bytes>> | undefined = frames.next();
  // It is read, or its failure told, when the body is.
  next.catch(() => {});
  await (mayBeSilent ? settledWithin(SILENT_HEAD_MS, next) : next);
  headIsOut = true;
  const body = new ReadableStream<Bytes>(
    {
      async pull(controller) {
        const { done, value } = await (next ?? frames.next());
        next = undefined;
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel() {
        // Not every runtime's request signal says that a reader has gone; a generator that waits for a silent upstream
        // hears of nothing else, and one that waits for its reader hears of the return.
        context.abort();
        frames.return(undefined).catch(() => {});
      },
    },
    { highWaterMark: 0 },
  );
  const headers = new Headers(context.setHeaders);
  // Nginx, and what imitates it, would collect what is to be read as it comes.
  headers.set("X-Accel-Buffering", "no");
  return new Response(body, { headers });
}

async function* framesOf(answering: Answering, headIsOut: () => boolean): AsyncGenerator<Bytes, undefined> {
  const { rpc, wire, call, message, context, lateProblem } = answering;
  let failure: GatewayError | undefined;
  try {
    for await (const each of call(message, context) as AsyncIterable<MessageInit>) {
      yield messageFrame(writeMessage(rpc, create(rpc.output, each), wire));
    }
  } catch (thrown) {
    if (!headIsOut()) throw thrown;
    // Where the reader has gone, nothing broke off but what it wanted to.
    if (!context.signal.aborted) lateProblem(thrown);
    failure = toGatewayError(thrown);
  } finally {
    // Whoever still listens to the signal of a stream that is over would keep it.
    context.abort();
  }
  yield endFrame(wire, context.setTrailers, failure && toConnectError(failure));
}

function demandWire(rpc: DescMethod, request: Request): Wire {
  const wire = wireOf(rpc, request);
  if (wire !== undefined) return wire;
  throw new GatewayError(
    "UNSUPPORTED_MEDIA_TYPE",
    "Send application/json, application/proto, application/grpc-web+proto or application/grpc-web+json.",
  );
}

/** Where the protocols say that a request is compressed, beside HTTP's own header, which the edge has seen to. */
function demandIdentityEncoding({ url, headers, method }: Request): void {
  const inQuery = method === "POST" ? null : new URL(url).searchParams.get("compression");
  for (const encoding of [headers.get("grpc-encoding"), headers.get("connect-content-encoding"), inQuery]) {
    if (encoding === null || encoding === "" || encoding === "identity") continue;
    throw new GatewayError("UNSUPPORTED_MEDIA_TYPE", "Send the message without compression: identity.");
  }
}
