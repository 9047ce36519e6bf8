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
    const message = encodeURIComponent("this service has no such method");
    response.writeHead(200, { "content-type": type, "grpc-status": Code.Unimplemented, "grpc-message": message });
  } else {
    response.writeHead(404);
  }
  response.end();
}
