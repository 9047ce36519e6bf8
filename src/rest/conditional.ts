import { entityTag, namesTag } from "./entity-tag.ts";
import { type RenderedAnswer, toResponse } from "./rendered-answer.ts";
import { headerOf, withHeaders, withoutHeader } from "./response-headers.ts";

/** Headers that say something about the answer which its body does not. */
const TAGGED_HEADERS = ["content-type", "x-total-count", "link"];

/**
 * Gives an answer to GET or HEAD its entity tag, and leaves out the body that the client has already (304). The guards,
 * the call and the rendering have all happened by then: a client that may no longer see a thing is refused, whatever it
 * holds.
 *
 * `private, no-cache` lets a browser keep the answer and makes it ask every time. Nobody in between may keep it, since
 * what is answered depends on who asks.
 */
export function conditional(request: Request, answer: RenderedAnswer): Response {
  const about = TAGGED_HEADERS.map((name) => headerOf(answer.headers, name) ?? "").join("\n");
  const etag = entityTag(answer.body ?? "", about);
  const cacheControl = headerOf(answer.headers, "cache-control") ?? "private, no-cache";
  const headers = withHeaders(answer.headers, { etag, "cache-control": cacheControl });
  if (!namesTag(request.headers.get("if-none-match"), etag)) return toResponse({ ...answer, headers });
  return toResponse({ status: 304, headers: withoutHeader(headers, "content-type"), body: null });
}
