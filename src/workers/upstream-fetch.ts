import { Code, ConnectError } from "@connectrpc/connect";

/** More than any answer of the platform, as on Node; a service that sends more is broken or hostile. */
export const READ_MAX_BYTES = 16 * 1_048_576;

/** The envelope of a message in a stream, and of every answer in gRPC-Web: a byte of flags, four of length. */
const ENVELOPE_HEAD_BYTES = 5;

export interface UpstreamFetchOptions {
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
 * Makes the `fetch` that carries gRPC-Web's calls with one answer. Connect's client has no limit for what it reads; and
 * it makes room for what an envelope promises before it comes: the first bytes of a web page promise 1.6 GiB, and an
 * isolate ends at 128 MiB, with all its requests.
 */
export function createEnvelopedUnaryFetch(options: UpstreamFetchOptions): typeof fetch {
  const send = createSend(options);
  return async (input, init) => {
    const response = await send(input, { ...init, headers: new Headers(init?.headers) });
    const bytes = await readWhole(response);
    // gRPC-Web answers 200, whatever it says then. What comes with another status has the status and a web page.
    if (response.status !== 200) return plainResponse(response, null);
    demandWholeEnvelopes(bytes);
    return plainResponse(response, bytes);
  };
}

/** Makes the `fetch` that carries streams. A stream may be long; READ_MAX_BYTES bounds each message in it. */
export function createStreamFetch(options: UpstreamFetchOptions): typeof fetch {
  const send = createSend(options);
  return async (input, init) => {
    const response = await send(input, { ...init, headers: new Headers(init?.headers) });
    // What is no stream is an error's text or somebody's web page.
    if (response.status !== 200 || response.body === null) return plainResponse(response, await readWhole(response));
    return plainResponse(response, response.body.pipeThrough(boundedEnvelopes()));
  };
}

/**
 * Sends a request, and answers what came back under that very address: a redirect would carry our metadata and the
 * secret to whom we never chose. Connect asks for `redirect: "error"`, which workerd refuses; a 3xx is an answer like
 * any other that is none of ours.
 *
 * A connection that fails before the answer's head is UNAVAILABLE. Workerd says "Network connection lost." of a host
 * that refused the connection and of one that took the request and died, so here, unlike on Node, the two are one; and
 * this UNAVAILABLE is no proof that the service has not seen the call.
 */
export function createSend({ fetch, bridgeSecret }: UpstreamFetchOptions): Send {
  const authorization = bridgeSecret === undefined ? undefined : `Bearer ${bridgeSecret}`;
  return async (input, init) => {
    if (authorization !== undefined) init.headers.set("authorization", authorization);
    try {
      return await fetch(input, { ...init, redirect: "manual" });
    } catch (error) {
      // The deadline, or our client: Connect knows which.
      if (init.signal?.aborted) throw error;
      throw new ConnectError("the service cannot be reached", Code.Unavailable, undefined, undefined, error);
    }
  };
}

/** Statuses that have no body by definition: a Response must not be made with one. */
const WITHOUT_BODY = new Set([101, 204, 205, 304]);

/** The same answer in plain text: fetch undoes the coding of the content and leaves the headers that speak of it. */
function plainResponse(response: Response, body: BodyInit | null): Response {
  if (WITHOUT_BODY.has(response.status)) return response;
  const headers = new Headers(response.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  return new Response(body, { status: response.status, headers });
}

/**
 * The whole of an answer, but no more than READ_MAX_BYTES of it. Everything is read to its end, errors as well: an answer
 * that nobody reads holds one of the few connections that a Worker's request may have.
 */
export async function readWhole(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  if (response.body === null) return new Uint8Array();
  const length = response.headers.get("content-length");
  // What is announced cannot be longer, unless it is compressed.
  if (length !== null && Number(length) <= READ_MAX_BYTES && !response.headers.has("content-encoding")) {
    return new Uint8Array(await response.arrayBuffer());
  }
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    total += read.value.byteLength;
    if (total > READ_MAX_BYTES) {
      await reader.cancel().catch(() => {});
      throw tooLarge();
    }
    chunks.push(read.value);
  }
  const whole = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

function demandWholeEnvelopes(bytes: Uint8Array<ArrayBuffer>): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + ENVELOPE_HEAD_BYTES <= bytes.byteLength) at += ENVELOPE_HEAD_BYTES + view.getUint32(at + 1);
  if (at !== bytes.byteLength) throw new ConnectError("an envelope promises more than came", Code.Internal);
}

/** Passes envelopes on, and fails at the first that says it is longer than READ_MAX_BYTES. */
function boundedEnvelopes(): TransformStream<Uint8Array, Uint8Array> {
  let head: number[] = [];
  let left = 0;
  return new TransformStream({
    transform(chunk, controller) {
      for (let at = 0; at < chunk.byteLength; ) {
        if (left > 0) {
          const step = Math.min(left, chunk.byteLength - at);
          left -= step;
          at += step;
          continue;
        }
        head.push(chunk[at++]!);
        if (head.length < ENVELOPE_HEAD_BYTES) continue;
        left = new DataView(Uint8Array.from(head).buffer).getUint32(1);
        head = [];
        if (left > READ_MAX_BYTES) throw tooLarge();
      }
      controller.enqueue(chunk);
    },
  });
}

function tooLarge(): ConnectError {
  return new ConnectError(`the answer is larger than ${READ_MAX_BYTES} bytes`, Code.ResourceExhausted);
}
