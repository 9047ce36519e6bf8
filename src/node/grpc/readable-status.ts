import type { IncomingHttpHeaders } from "node:http2";
import { webHeaders } from "./web-headers.ts";

const MESSAGE = "grpc-message";
const utf8 = new TextDecoder();

/**
 * Headers or trailers whose `grpc-message` can be decoded. Connect gives up on one that is badly percent-encoded, and with
 * it on the status beside: a NOT_FOUND would become our 502. gRPC forbids that ("MUST NOT error and discard the message",
 * PROTOCOL-HTTP2.md): what is no encoding is text.
 */
export function readableStatus(headers: IncomingHttpHeaders): Headers {
  const web = webHeaders(headers);
  const message = web.get(MESSAGE);
  if (message !== null && !isDecodable(message)) web.set(MESSAGE, encodeURIComponent(decodeWhatCanBe(message)));
  return web;
}

function isDecodable(message: string): boolean {
  try {
    decodeURIComponent(message);
    return true;
  } catch {
    return false;
  }
}

function decodeWhatCanBe(message: string): string {
  return message.replace(/(?:%[0-9a-f]{2})+/gi, (run) => utf8.decode(Buffer.from(run.replaceAll("%", ""), "hex")));
}
