import type { Message } from "@bufbuild/protobuf";
import type { HttpBinding } from "./http-binding.ts";
import { compilePageHeaders, type RequestUrl } from "./page-headers.ts";
import { compileEventRenderer } from "./render-events.ts";
import { compileStreamRenderer, type StreamOptions } from "./render-stream.ts";
import type { RenderedAnswer } from "./rendered-answer.ts";
import { compileResponseBody } from "./response-body.ts";
import { headersWith } from "./response-headers.ts";

/** Makes the HTTP answers of one binding. */
export interface Renderer {
  /**
   * The answer of a unary rpc. `responseHeader` is what the implementation set on its HandlerContext. Throws
   * UPSTREAM_ERROR for a message that JSON cannot express.
   */
  unary(message: Message, url: RequestUrl, responseHeader?: Headers): RenderedAnswer;
  /**
   * The answer of a server-streaming rpc, in the format that `accept` asks for; events are server-sent events. Settles with the first message, the
   * end, or an error: a stream that fails before its first message rejects with that error, so that its caller can
   * answer the real status and a problem body. A later error is told in the last frame.
   */
  stream(messages: AsyncIterable<Message>, options: StreamOptions): Promise<Response>;
}

/** Compiles a binding's renderer. The binding has been checked: no stream has the status 204 (policy-fit.ts). */
export function compileRenderer(binding: HttpBinding): Renderer {
  const { rpc, policy } = binding;
  const status = policy.successStatus;
  const body = compileResponseBody(binding);
  const caching = policy.noStore ? { "cache-control": "no-store" } : {};
  const json = { ...caching, "content-type": "application/json" };
  const pageHeaders = policy.page === undefined ? undefined : compilePageHeaders(rpc, policy.page);

  return {
    stream:
      policy.events === undefined ? compileStreamRenderer({ body, status, caching }) : compileEventRenderer(binding),
    unary(message, url, responseHeader) {
      const page = pageHeaders?.(message, url);
      if (status === NO_CONTENT) {
        return { status, headers: headersWith({ ...caching, ...page }, responseHeader), body: null };
      }
      if (body.kind === "json") {
        const text = body.write(message);
        return { status, headers: headersWith({ ...json, ...page }, responseHeader), body: text };
      }
      const { contentType, data } = body.read(message);
      const headers = headersWith({ ...caching, ...page, "content-type": contentType }, responseHeader);
      return { status, headers, body: data };
    },
  };
}

const NO_CONTENT = 204;
