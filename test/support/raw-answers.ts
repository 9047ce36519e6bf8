import type { OutgoingHttpHeaders } from "node:http2";
import type { RawAnswer } from "./scripted-service.ts";

/** What answers a call below gRPC: a test says which parts of a correct answer are there. */
export interface RawParts {
  readonly status?: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  /** Absent: the stream ends without any. */
  readonly trailers?: OutgoingHttpHeaders;
}

/** An answer made of these parts; it looks like gRPC unless its headers say otherwise. */
export function rawAnswer({ status = 200, headers, body = "", trailers = {} }: RawParts): RawAnswer {
  return (_request, response) => {
    response.addTrailers(trailers);
    response.writeHead(status, { "content-type": "application/grpc+proto", ...headers });
    response.end(body);
  };
}

/** A message as gRPC frames it: a flag byte, four bytes of length, the bytes. `length` may lie. */
export function enveloped(message: Uint8Array, { flags = 0, length = message.byteLength } = {}): Uint8Array {
  const framed = new Uint8Array(5 + message.byteLength);
  framed[0] = flags;
  new DataView(framed.buffer).setUint32(1, length);
  framed.set(message, 5);
  return framed;
}
