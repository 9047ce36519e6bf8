import type { IncomingMessage } from "node:http";

/**
 * What is wrong with a request's head although Node's parser takes it; undefined for all that is well. Node keeps the
 * first of two `Host` headers. A proxy before us may have kept the other, so it is nobody's request: RFC 9112, section
 * 3.2, demands 400.
 */
export function malformationOf({ rawHeaders }: Pick<IncomingMessage, "rawHeaders">): string | undefined {
  let hosts = 0;
  // Names and values in turn. A walk over some twenty short texts; `headersDistinct` would build an object of all.
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === 4 && name.toLowerCase() === "host") hosts += 1;
  }
  return hosts > 1 ? "has more than one Host header" : undefined;
}
