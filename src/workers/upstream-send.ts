import { Code, ConnectError } from "@connectrpc/connect";

export interface UpstreamSendOptions {
  /** The runtime's. */
  readonly fetch: typeof fetch;
  /** Shown to the service as `Authorization: Bearer …`; undefined: nothing is shown. */
  readonly bridgeSecret: string | undefined;
}

/** Sends one request. The headers are its own: the secret is put among them. */
export type Send = (
  input: Parameters<typeof fetch>[0],
  init: Omit<RequestInit, "headers"> & { readonly headers: Headers },
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
export function createSend({ fetch, bridgeSecret }: UpstreamSendOptions): Send {
  const authorization = bridgeSecret === undefined ? undefined : `Bearer ${bridgeSecret}`;
  return async (input, init) => {
    if (authorization !== undefined) init.headers.set("authorization", authorization);
    try {
      return await fetch(input, { ...init, redirect: "manual" });
    } catch (error) {
      // The deadline, or our client: whoever set the signal knows which.
      if (init.signal?.aborted) throw error;
      throw new ConnectError("the service cannot be reached", Code.Unavailable, undefined, undefined, error);
    }
  };
}
