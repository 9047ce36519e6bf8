import type { DescMethod } from "@bufbuild/protobuf";
import { parseContentType as parseConnectType } from "@connectrpc/connect/protocol-connect";
import { parseContentType as parseGrpcWebType } from "@connectrpc/connect/protocol-grpc-web";

/** How a request to an rpc is written, and so how its answer is. */
export interface Wire {
  /**
   * "plain": the message is the body (or, by GET, in the query), and an error is an HTTP status and a JSON body, as
   * Connect has it for an rpc with one answer. In the others messages are in envelopes, the status is always 200, and
   * the last envelope tells how it ended.
   */
  readonly framing: "plain" | "connect-stream" | "grpc-web";
  readonly codec: "proto" | "json";
}

/** The wire that a request asks for; undefined for one that the rpc does not offer. */
export function wireOf(rpc: DescMethod, { method, headers, url }: Request): Wire | undefined {
  if (method !== "POST") return wireOfQuery(url);
  const contentType = headers.get("content-type");
  const grpcWeb = parseGrpcWebType(contentType);
  // `-text`, in base64, is for clients that cannot read a binary answer, of which there are none any more.
  if (grpcWeb !== undefined) return grpcWeb.text ? undefined : { framing: "grpc-web", codec: codecOf(grpcWeb.binary) };
  const connect = parseConnectType(contentType);
  const isStream = rpc.methodKind !== "unary";
  if (connect === undefined || connect.stream !== isStream) return undefined;
  return { framing: isStream ? "connect-stream" : "plain", codec: codecOf(connect.binary) };
}

/** Connect by GET: https://connectrpc.com/docs/protocol#unary-get-request */
function wireOfQuery(url: string): Wire | undefined {
  const codec = new URL(url).searchParams.get("encoding");
  return codec === "json" || codec === "proto" ? { framing: "plain", codec } : undefined;
}

function codecOf(binary: boolean): Wire["codec"] {
  return binary ? "proto" : "json";
}

const TYPE_PREFIXES: Readonly<Record<Wire["framing"], string>> = {
  plain: "application/",
  "connect-stream": "application/connect+",
  "grpc-web": "application/grpc-web+",
};

export function contentTypeOf({ framing, codec }: Wire): string {
  return TYPE_PREFIXES[framing] + codec;
}
