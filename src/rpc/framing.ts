import type { DescMethod } from "@bufbuild/protobuf";
import { parseContentType as parseConnectType } from "@connectrpc/connect/protocol-connect";
import { parseContentType as parseGrpcWebType } from "@connectrpc/connect/protocol-grpc-web";

/**
 * How an answer tells its error. "plain": by the HTTP status and a JSON body, as Connect does for an rpc with one
 * answer, and as every client understands. The others have the status 200 and tell it in their last frame.
 */
export type Framing = "plain" | "connect-stream" | "grpc-web";

/**
 * The framing that a request's content type asks for; whatever the rpc does not offer gets a plain refusal. gRPC-Web's
 * `-text`, in base64, is for clients that cannot read a binary answer, of which there are none any more.
 */
export function framingOf(rpc: DescMethod, headers: Headers): Framing {
  const contentType = headers.get("content-type");
  const grpcWeb = parseGrpcWebType(contentType);
  if (grpcWeb !== undefined && !grpcWeb.text) return "grpc-web";
  return rpc.methodKind !== "unary" && parseConnectType(contentType)?.stream ? "connect-stream" : "plain";
}
