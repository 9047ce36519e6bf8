/**
 * Stands for every path that no template can match. Only a route for literally everything (`*`, as middleware has it)
 * matches it: no literal is empty, and no variable captures nothing.
 */
export const UNROUTABLE_PATH = "//";

/**
 * The path that is routed: raw, without query and fragment, and without one trailing slash. For Hono's option
 * `getPath`, in place of Hono's own, which decodes: after that, `%2F` in an id could not be told from a separator.
 *
 * `url` is a `Request.url`. Before we see it, the runtime's URL parser (WHATWG; `@hono/node-server` runs it whenever a
 * request target has a `%`, a dot segment or an unusual character, and refuses a backslash with 400) has resolved `.`
 * and `..`, also when they are written `%2e`, has turned backslashes into slashes, and has percent-encoded what may not
 * stand in a URL. It decodes nothing, keeps malformed `%`, and keeps `//`. So a dot segment can never step out of a
 * route here; `..%2F` is one segment and arrives decoded in a variable, as data.
 *
 * A path with an empty segment matches nothing: collapsing it, as some proxies do, would let one resource have many
 * names, and a guard in front of us may have looked at another one.
 */
export function canonicalPath(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const path = url.slice(start, endOfPath(url, start));
  if (path.includes("//")) return UNROUTABLE_PATH;
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

function endOfPath(url: string, start: number): number {
  const query = url.indexOf("?", start);
  // A raw request target may have a `#`, although no client should send one.
  const fragment = url.indexOf("#", start);
  if (query === -1) return fragment === -1 ? url.length : fragment;
  return fragment === -1 ? query : Math.min(query, fragment);
}
