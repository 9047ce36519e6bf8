/**
 * What every answer says to a browser that meets it outside of a page's own script: it is data of the type that it says
 * it is, no document, part of nobody's page, and on https for good. From OWASP's REST security cheat sheet; what only
 * documents need is left out. A route that answers a document has set its own policy, which stays.
 */
const SECURITY_HEADERS: readonly (readonly [name: string, value: string])[] = [
  ["X-Content-Type-Options", "nosniff"],
  ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
  // Does not touch CORS: a page of an allowed origin reads with it.
  ["Cross-Origin-Resource-Policy", "same-origin"],
  ["Referrer-Policy", "no-referrer"],
  // Browsers take it from https only, so it does no harm on a laptop.
  ["Strict-Transport-Security", "max-age=31536000"],
];

/** Adds them to an answer's headers. */
export function addSecurityHeaders(headers: Headers): void {
  for (const [name, value] of SECURITY_HEADERS) if (!headers.has(name)) headers.set(name, value);
}
