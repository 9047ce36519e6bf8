import type { OutgoingHttpHeaders } from "node:http2";
import { requestHeader } from "@connectrpc/connect/protocol-grpc";

/** What both Headers and HTTP/2 take as it is: no space at either end, and nothing that is not ASCII. */
const PLAIN_VALUE = /^[!-~](?:[ -~]*[!-~])?$/;
const PLAIN_NAME = /^[a-z0-9_.-]+$/;

/**
 * Returns what makes a call's headers: gRPC's own as Connect writes them, and the caller's metadata. Ours is a plain
 * record of plain texts, and is copied as it is; anything else goes through Headers, which refuses with a TypeError what
 * no header may hold.
 */
export function createRequestHeaders(): (
  metadata: HeadersInit | undefined,
  timeoutMs: number | undefined,
) => OutgoingHttpHeaders {
  const protocol = Object.fromEntries(requestHeader(true, undefined, undefined));
  const { "user-agent": userAgent, ...always } = protocol;
  return (metadata, timeoutMs) => {
    const headers: OutgoingHttpHeaders = { "user-agent": userAgent };
    Object.assign(headers, isPlain(metadata) ? metadata : Object.fromEntries(new Headers(metadata)), always);
    if (timeoutMs !== undefined) headers["grpc-timeout"] = `${timeoutMs}m`;
    return headers;
  };
}

function isPlain(metadata: HeadersInit | undefined): metadata is Record<string, string> {
  if (metadata === undefined) return true;
  if (Array.isArray(metadata) || metadata instanceof Headers) return false;
  for (const name in metadata) {
    if (!PLAIN_NAME.test(name) || !PLAIN_VALUE.test((metadata as Record<string, string>)[name]!)) return false;
  }
  return true;
}
