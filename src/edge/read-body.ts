import { GatewayError } from "../errors.ts";

/**
 * JSON, said with or without the only charset that JSON has (RFC 8259, section 8.1). No two of its runs of spaces stand
 * beside each other: 15 000 spaces, tried in every division, would stop the process for a third of a second.
 */
const JSON_MEDIA_TYPE = /^application\/json[ \t]*(?:;[ \t]*(?:charset=(?:utf-8|"utf-8")[ \t]*(?:;[ \t]*)?)?)?$/i;

/**
 * Reads a body of at most `maxBytes`. Undefined for an empty one, which counts as `{}` and needs no content type.
 * Throws PAYLOAD_TOO_LARGE before it reads more, UNSUPPORTED_MEDIA_TYPE for what is not JSON where JSON is demanded.
 */
export async function readBody(
  request: Request,
  { maxBytes, json }: { readonly maxBytes: number; readonly json: boolean },
): Promise<Uint8Array | undefined> {
  const body = await readBytes(request, maxBytes);
  if (body.byteLength === 0) return undefined;
  demandIdentityEncoding(request.headers);
  if (json) demandJson(request.headers);
  return body;
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  if (declared !== null && /^\d{1,15}$/.test(declared)) {
    if (Number(declared) > maxBytes) throw tooLarge(maxBytes);
    // The HTTP parser holds the client to the length, so the fast way is safe; a caller in this process may have lied.
    const body = new Uint8Array(await request.arrayBuffer().catch(clientGone));
    if (body.byteLength > maxBytes) throw tooLarge(maxBytes);
    return body;
  }
  return request.body === null ? new Uint8Array() : readChunks(request.body, maxBytes);
}

/** Counts while it reads: a chunked body says nothing about its length. */
async function readChunks(stream: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(clientGone);
    if (done) break;
    length += value.byteLength;
    if (length > maxBytes) {
      // Not awaited: the client may never stop sending.
      reader.cancel().catch(() => {});
      throw tooLarge(maxBytes);
    }
    chunks.push(value);
  }
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}

/** A body that ends before its length is a client that went away in the middle of it. */
function clientGone(cause: unknown): never {
  throw new GatewayError("CANCELLED", "The request's body did not arrive.", { cause });
}

function demandJson(headers: Headers): void {
  if (JSON_MEDIA_TYPE.test(headers.get("content-type") ?? "")) return;
  throw new GatewayError("UNSUPPORTED_MEDIA_TYPE", "Send the body as application/json.");
}

function demandIdentityEncoding(headers: Headers): void {
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() === "identity") return;
  throw new GatewayError("UNSUPPORTED_MEDIA_TYPE", "Send the body without a content encoding.");
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError("PAYLOAD_TOO_LARGE", `A body may have ${maxBytes} bytes at most.`);
}
