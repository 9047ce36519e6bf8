import type { IncomingMessage, ServerResponse } from "node:http";
import { Code } from "@connectrpc/connect";

/**
 * A wrong or missing secret, told by HTTP and not by an rpc status. Every protocol reads a bare 401 as unauthenticated.
 * A status would be taken for the service's own word, and AuthenticateUser's UNAUTHENTICATED tells a user that the
 * password is wrong, when what is wrong is our configuration.
 */
export function refuseSecret(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.writeHead(401, { "www-authenticate": 'Bearer realm="devmatch-bridge"' }).end();
}

const NO_SUCH_METHOD = "The bridge knows no such method.";

/**
 * A path that is none of the platform's methods. gRPC and gRPC-Web clients are told so by trailers alone, others as
 * the Connect protocol has it: the code stands in the body.
 */
export function refuseUnknownPath(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const type = request.headers["content-type"] ?? "";
  if (type.startsWith("application/grpc")) {
    // Not `writeHead`, which would send them at once: over HTTP/2 only headers that end the stream count as trailers.
    response.setHeader("content-type", type);
    response.setHeader("grpc-status", Code.Unimplemented);
    response.setHeader("grpc-message", encodeURIComponent(NO_SUCH_METHOD));
    response.end();
    return;
  }
  response.writeHead(404, { "content-type": "application/json" });
  response.end(JSON.stringify({ code: "unimplemented", message: NO_SUCH_METHOD }));
}
