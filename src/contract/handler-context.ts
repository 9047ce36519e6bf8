import type { DescMethod } from "@bufbuild/protobuf";
import type { ContextValues, HandlerContext } from "@connectrpc/connect";

export interface LazyHandlerContextInit {
  /** How the client speaks: `rest`, `connect` or `grpc-web`. */
  readonly protocolName: string;
  readonly method: DescMethod;
  readonly request: Request;
  readonly values: ContextValues;
  /** What is left of the request's deadline, in milliseconds. */
  readonly remainingMs: () => number;
}

/**
 * What an implementation sees of a call. Connect's own createHandlerContext makes three Headers and two abort
 * controllers a call; here each is made when somebody asks for it, which hardly an implementation does.
 */
export class LazyHandlerContext implements HandlerContext {
  readonly protocolName: string;
  readonly method: DescMethod;
  readonly values: ContextValues;
  readonly timeoutMs: () => number;
  readonly #request: Request;
  #aborted: AbortController | undefined;
  #signal: AbortSignal | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;

  constructor({ protocolName, method, request, values, remainingMs }: LazyHandlerContextInit) {
    this.protocolName = protocolName;
    this.method = method;
    this.values = values;
    this.timeoutMs = remainingMs;
    this.#request = request;
  }

  get service() {
    return this.method.parent;
  }

  /** Fires when the client goes away, before or after the answer's head. */
  get signal(): AbortSignal {
    if (this.method.methodKind === "unary") return this.#request.signal;
    this.#aborted ??= new AbortController();
    this.#signal ??= AbortSignal.any([this.#request.signal, this.#aborted.signal]);
    return this.#signal;
  }

  /** The reader of a stream went away; not every runtime's request signal says so. */
  abort(): void {
    this.#aborted ??= new AbortController();
    this.#aborted.abort();
  }

  get requestMethod(): string {
    return this.#request.method;
  }

  get url(): string {
    return this.#request.url;
  }

  get requestHeader(): Headers {
    return this.#request.headers;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  /** What the implementation set; undefined where it set nothing. */
  get setHeaders(): Headers | undefined {
    return this.#responseHeader;
  }

  /** REST has no trailers: what is set here is lost there. */
  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  /** As `setHeaders`. */
  get setTrailers(): Headers | undefined {
    return this.#responseTrailer;
  }
}
