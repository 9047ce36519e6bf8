import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

export interface UpstreamSendOptions {
  /** The runtime's. */
  readonly fetch: typeof fetch;
  /** Shown to the service as `Authorization: Bearer …`; undefined: nothing is shown. */
  readonly bridgeSecret: string | undefined;
}

/** One call's request: a POST to the method's path. The headers are its own: the secret is put among them. */
export type Send = (
  method: Pick<DescMethod, "parent" | "name">,
  headers: Headers,
  body: Uint8Array,
  signal: AbortSignal,
) => Promise<Response>;

/**
 * Sends a request, and answers what came back under that very address: a redirect would carry our metadata and the
 * secret to whom we never chose. Connect asks for `redirect: "error"`, which workerd refuses; a 3xx is an answer like
 * any other that is none of ours.
 *
 * A connection that fails before the answer's head is UNAVAILABLE. Workerd says "Network connection lost." of a host
 * that refused the connection and of one that took the request and died, so here, unlike on Node, the two are one; and
 * this UNAVAILABLE is no proof that the service has not seen the call.
 */
export function createSend(baseUrl: string, { fetch, bridgeSecret }: UpstreamSendOptions): Send {
  const authorization = bridgeSecret === undefined ? undefined : `Bearer ${bridgeSecret}`;
  return async ({ parent, name }, headers, bytes, signal) => {
    if (authorization !== undefined) headers.set("authorization", authorization);
    const body = bytes as Uint8Array<ArrayBuffer>;
    try {
      const url = `${baseUrl}/${parent.typeName}/${name}`;
      return await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
    } catch (error) {
      // The deadline, or our client: whoever made the signal knows which.
      if (signal.aborted) throw error;
      throw new ConnectError("the service cannot be reached", Code.Unavailable, undefined, undefined, error);
    }
  };
}
