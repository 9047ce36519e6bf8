import { create, type DescMessage, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { createContextValues } from "@connectrpc/connect";
import { type RequestContext, requestContextKey } from "../context.ts";
import { LazyHandlerContext } from "../contract/handler-context.ts";
import { type Implementations, implementationOf } from "../contract/implementations.ts";
import { compileRequestReader } from "./bind-request.ts";
import { cacheHeaders } from "./cache-headers.ts";
import { conditional } from "./conditional.ts";
import type { HttpBinding } from "./http-binding.ts";
import { type CapturedValues, pathCapture } from "./path-capture.ts";
import { compileRenderer } from "./render-response.ts";
import { toResponse } from "./rendered-answer.ts";
import { withHeaders } from "./response-headers.ts";

/** What a request message is made of. */
export interface EndpointInput {
  readonly request: Request;
  readonly captured: CapturedValues;
  /** Undefined for an empty one. */
  readonly body: Uint8Array | undefined;
}

/** One request to one binding, as far as the edge has let it through. */
export interface EndpointRequest {
  readonly request: Request;
  /** Canonical (canonical-path.ts). */
  readonly path: string;
  /** What `read` answered. */
  readonly message: Message;
  readonly context: RequestContext;
  /** The problem body of an error after a stream's first message, when the status is gone. Called once; logs it. */
  readonly lateProblem: (error: unknown) => { readonly body: object };
}

/** A binding, ready to answer: everything about it is decided. */
export interface Endpoint {
  readonly readsBody: boolean;
  /** False where the body is google.api.HttpBody, which may be anything. */
  readonly readsJson: boolean;
  capture(path: string): CapturedValues;
  /** The value of the policy's self_field in the path. */
  selfId(captured: CapturedValues): string | undefined;
  /** Binds and validates the request. Throws one VALIDATION_ERROR with everything that is wrong. */
  read(input: EndpointInput): Message;
  /** Calls the implementation, renders what it answers. */
  answer(request: EndpointRequest): Promise<Response>;
}

/** Compiles a binding. Throws where its service has no implementation of the rpc, or its field rules are wrong. */
export function createEndpoint(binding: HttpBinding, implementations: Implementations, now: () => number): Endpoint {
  const { rpc, template, policy } = binding;
  const read = compileRequestReader(binding);
  const renderer = compileRenderer(binding);
  const call = implementationOf(rpc, implementations);
  // What must not be kept needs no tag.
  const hasTag = binding.method === "GET" && !policy.noStore;
  const selfIndex = template.variables.findIndex(({ fieldPath }) => fieldPath.join(".") === policy.selfField);

  return {
    readsBody: binding.body.kind !== "none",
    readsJson: !takesAnyBody(binding),
    capture: pathCapture(template),
    selfId: (captured) => captured[selfIndex],

    read({ request, captured, body }) {
      const contentType = request.headers.get("content-type") ?? undefined;
      // An empty one names no event, and the query may.
      const lastEventId = policy.events && (request.headers.get("last-event-id") || undefined);
      return read({ pathValues: captured, query: queryOf(request.url), body, contentType, lastEventId });
    },

    async answer({ request, path, message, context, lateProblem }) {
      const values = createContextValues().set(requestContextKey, context);
      const remainingMs = () => Math.max(0, context.deadlineAtMs - now());
      const handlerContext = new LazyHandlerContext({
        protocolName: "rest",
        method: rpc,
        request,
        values,
        remainingMs,
      });
      const answer = call(message, handlerContext);
      if (rpc.methodKind === "unary") {
        const output = create(rpc.output, await (answer as Promise<MessageInit>));
        const url = { path, query: queryOf(request.url) };
        const rendered = renderer.unary(output, url, handlerContext.setHeaders);
        const whole = { ...rendered, headers: withHeaders(rendered.headers, cacheHeaders(context.cacheUses)) };
        return hasTag ? conditional(request, whole) : toResponse(whole);
      }
      const messages = createEach(rpc.output, answer as AsyncIterable<MessageInit>);
      const options = {
        accept: request.headers.get("accept"),
        problemOf: lateProblem,
        responseHeader: handlerContext.responseHeader,
        onEnd: () => handlerContext.abort(),
      };
      const response = await renderer.stream(messages, options).catch((refusal: unknown) => {
        // What refused it may be ours, and the service still waits to say something.
        handlerContext.abort();
        throw refusal;
      });
      // Hono answers HEAD by dropping the body, which would leave the rpc waiting for a reader.
      if (request.method === "HEAD") await response.body?.cancel();
      return response;
    },
  };
}

type MessageInit = MessageInitShape<DescMessage>;

/** Implementations may yield plain objects, as they may return them. */
async function* createEach(output: DescMessage, inits: AsyncIterable<MessageInit>): AsyncGenerator<Message> {
  for await (const init of inits) yield create(output, init);
}

const HTTP_BODY = "google.api.HttpBody";

function takesAnyBody({ rpc, body }: HttpBinding): boolean {
  if (body.kind === "field") return body.field.message?.typeName === HTTP_BODY;
  return body.kind === "message" && rpc.input.typeName === HTTP_BODY;
}

/** The raw query without `?` and without a fragment. */
function queryOf(url: string): string {
  const start = url.indexOf("?");
  if (start < 0) return "";
  const fragment = url.indexOf("#", start);
  return url.slice(start + 1, fragment < 0 ? undefined : fragment);
}
