import type { IncomingHttpHeaders } from "node:http2";
import type { DescMessage, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";
import type { UnaryResponse } from "@connectrpc/connect";
import type { Answered } from "./unary-call.ts";
import { webHeaders } from "./web-headers.ts";

/** An answer whose headers and trailers become the web's when somebody asks for them; nobody here does. */
export class UnaryAnswer<I extends DescMessage, O extends DescMessage> implements UnaryResponse<I, O> {
  readonly stream = false;
  readonly method: DescMethodUnary<I, O>;
  readonly message: MessageShape<O>;
  #header: IncomingHttpHeaders | Headers;
  #trailer: IncomingHttpHeaders | Headers;

  constructor(method: DescMethodUnary<I, O>, { message, headers, trailers }: Answered) {
    this.method = method;
    this.message = message as MessageShape<O>;
    this.#header = headers;
    this.#trailer = trailers;
  }

  get service(): DescMethodUnary<I, O>["parent"] {
    return this.method.parent;
  }

  get header(): Headers {
    if (!(this.#header instanceof Headers)) this.#header = webHeaders(this.#header);
    return this.#header;
  }

  get trailer(): Headers {
    if (!(this.#trailer instanceof Headers)) this.#trailer = webHeaders(this.#trailer);
    return this.#trailer;
  }
}
