import type { ServerResponse } from "node:http";
import { constants, type Http2ServerResponse, type OutgoingHttpHeaders } from "node:http2";
import type { RawAnswer } from "./scripted-service.ts";

const { NGHTTP2_INTERNAL_ERROR } = constants;

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
    if (isHttp2(response)) response.addTrailers(trailers);
    plain(response).writeHead(status, { "content-type": "application/grpc+proto", ...headers });
    response.end(body);
  };
}

/** Ends the answer before it has begun. HTTP/1.1 has no streams to reset: there the connection goes. */
export const resetStream: RawAnswer = (_request, response) => {
  if (isHttp2(response)) response.stream.close(NGHTTP2_INTERNAL_ERROR);
  else response.destroy();
};

/** Ends the answer after its head. */
export const resetAfterHead: RawAnswer = (_request, response) => {
  if (isHttp2(response)) {
    response.stream.respond({ ":status": 200, "content-type": "application/grpc+proto" });
    response.stream.close(NGHTTP2_INTERNAL_ERROR);
  } else {
    response.writeHead(200, { "content-type": "application/proto" });
    response.write("x", () => response.destroy());
  }
};

/** Ends the whole connection, as HTTP/2 can: with it goes every call on it. */
export const cutConnection: RawAnswer = (_request, response) => {
  if (isHttp2(response)) response.stream.session?.destroy();
  else response.destroy();
};

/** Ends the socket under the connection. */
export const tearSocket: RawAnswer = (_request, response) => {
  if (isHttp2(response)) response.stream.session?.socket.destroy();
  else response.socket?.destroy();
};

/** A message as gRPC frames it: a flag byte, four bytes of length, the bytes. `length` may lie. */
export function enveloped(message: Uint8Array, { flags = 0, length = message.byteLength } = {}): Uint8Array {
  const framed = new Uint8Array(5 + message.byteLength);
  framed[0] = flags;
  new DataView(framed.buffer).setUint32(1, length);
  framed.set(message, 5);
  return framed;
}

/** A body that goes on for as long as anybody reads it. */
export const endless: RawAnswer = (_request, response) => {
  plain(response).writeHead(200, { "content-type": "application/proto" });
  const chunk = Buffer.alloc(65_536);
  const more = () => {
    while (plain(response).write(chunk));
  };
  response.on("drain", more).on("error", () => {});
  more();
};

type EitherResponse = Parameters<RawAnswer>[1];

function isHttp2(response: EitherResponse): response is Http2ServerResponse {
  return "stream" in response;
}

/** The two kinds of response are alike in all that is used here; their types have no signature in common. */
function plain(response: EitherResponse): ServerResponse {
  return response as ServerResponse;
}
