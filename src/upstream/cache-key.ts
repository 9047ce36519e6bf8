import { type Message, toBinary } from "@bufbuild/protobuf";
import type { TagTemplate } from "../contract/cache-tag.ts";
import type { Call } from "./call.ts";

/** What is asked for with more than this is hardly asked for twice. */
const MAX_REQUEST_BYTES = 1024;

/**
 * The method and the request, as text. Undefined for a request that is too large to be a key. Fields are written in the
 * order of their numbers; should a map's entries stand in another order, that is another key, and no harm.
 */
export function cacheKeyOf({ method, request }: Pick<Call, "method" | "request">): string | undefined {
  const bytes = toBinary(method.input, request);
  if (bytes.byteLength > MAX_REQUEST_BYTES) return undefined;
  return `${method.parent.typeName}/${method.name}?${btoa(String.fromCharCode(...bytes))}`;
}

/** The tags of a call. Those that need a response that is not there are left out. */
export function tagsOf(templates: readonly TagTemplate[], request: Message, response?: Message): readonly string[] {
  return templates.map(({ tagOf }) => tagOf(request, response)).filter((tag) => tag !== undefined);
}
