import type { Message } from "@bufbuild/protobuf";
import { type MessageEncoder, release, type StreamEvents, streamMessages } from "./message-stream.ts";
import type { ResponseBody } from "./response-body.ts";
import { headersWith, type PlainHeaders } from "./response-headers.ts";
import { type StreamFormat, streamFormatFor } from "./stream-format.ts";

/** What belongs to one streaming request. */
export interface StreamOptions extends StreamEvents {
  /** The request's Accept header. HttpBody ignores it: its bytes are what they are. */
  readonly accept: string | null;
  /** What the implementation set on its HandlerContext before its first message. */
  readonly responseHeader?: Headers;
}

/** What all answers of a streaming rpc have in common. */
export interface StreamDefaults {
  readonly body: ResponseBody;
  readonly status: number;
  readonly caching: PlainHeaders;
}

/** Compiles the streaming half of a Renderer. */
export function compileStreamRenderer({ body, status, caching }: StreamDefaults) {
  return async (messages: AsyncIterable<Message>, options: StreamOptions): Promise<Response> => {
    const iterator = messages[Symbol.asyncIterator]();
    const result = await iterator.next();
    const first = result.done ? undefined : (result.value as Message);
    const start = startOrRelease(iterator, () => startStream(body, first, options.accept));
    const headers = headersWith({ ...caching, ...start.headers }, options.responseHeader);
    const content =
      first === undefined ? start.chunk : streamMessages({ iterator }, start.chunk, start.encoder, options);
    // The runtimes' types do not agree on what buffer TextEncoder gives its bytes.
    return new Response(content as BodyInit, { status, headers });
  };
}

/** The beginning of an answer, and how it goes on. */
interface StreamStart {
  readonly headers: PlainHeaders;
  /** The first message with what comes before it; without a message, the whole body. */
  readonly chunk: Uint8Array;
  readonly encoder: MessageEncoder<Message>;
}

/** A first message that cannot be written is an error before the first message, and the upstream must hear of it. */
function startOrRelease(iterator: AsyncIterator<Message>, start: () => StreamStart): StreamStart {
  try {
    return start();
  } catch (error) {
    release(iterator);
    throw error;
  }
}

function startStream(body: ResponseBody, first: Message | undefined, accept: string | null): StreamStart {
  return body.kind === "raw" ? startRaw(body.read, first) : startJson(body.write, first, streamFormatFor(accept));
}

const utf8 = new TextEncoder();

function startJson(write: (message: Message) => string, first: Message | undefined, format: StreamFormat): StreamStart {
  const { open, separator, close } = format;
  return {
    headers: formatHeaders(format),
    chunk: utf8.encode(open + (first === undefined ? close : format.frame(write(first)))),
    encoder: {
      next: (message) => utf8.encode(separator + format.frame(write(message))),
      end: () => utf8.encode(close),
      failure: (problem) => utf8.encode(separator + format.problem(JSON.stringify(problem)) + close),
    },
  };
}

function formatHeaders({ contentType, live }: StreamFormat): PlainHeaders {
  const headers = { "content-type": contentType, vary: "accept" };
  // Nginx, and what imitates it, would collect a live answer, and a cache would keep what was true for a moment.
  return live ? { ...headers, "cache-control": "no-store", "x-accel-buffering": "no" } : headers;
}

/** The first message's content type stands for all. Bytes have no place for a problem: they break off. */
function startRaw(read: Extract<ResponseBody, { kind: "raw" }>["read"], first: Message | undefined): StreamStart {
  const { contentType, data } = read(first);
  return {
    headers: { "content-type": contentType },
    chunk: data,
    encoder: {
      next: (message) => read(message).data,
      end: () => new Uint8Array(),
      failure: () => undefined,
    },
  };
}
