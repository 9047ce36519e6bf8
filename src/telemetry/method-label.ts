/** Methods that keep their name in a metric or a report; a client can make up any other. */
const KNOWN_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** The request's method, or `other`. */
export function methodLabel(requestMethod: string): string {
  return KNOWN_METHODS.has(requestMethod) ? requestMethod : "other";
}
