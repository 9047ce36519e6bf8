import type { IncomingMessage, ServerResponse } from "node:http";
import { Code } from "@connectrpc/connect";

/**
 * Answers a path that is no rpc of ours, such as `grpc.health.v1`, which the deployed services lack too. gRPC and
 * gRPC-Web clients are told so in their own terms, by trailers alone; others get a plain 404, which the Connect
 * protocol reads as the same.
 */
export function answerUnknownPath(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const type = request.headers["content-type"] ?? "";
  if (type.startsWith("application/grpc")) {
    // Not `writeHead`, which would send them at once: only headers that end the stream count as trailers.
    response.setHeader("content-type", type);
    response.setHeader("grpc-status", Code.Unimplemented);
    response.setHeader("grpc-message", encodeURIComponent("this service has no such method"));
  } else {
    response.statusCode = 404;
  }
  response.end();
}
