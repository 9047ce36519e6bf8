export interface Cors {
  /** Adds to an answer what lets a page of an allowed origin read it. */
  readonly decorate: (request: Request, headers: Headers) => void;
  /** The answer to a preflight; undefined where the request is none. */
  readonly preflight: (request: Request, methods: readonly string[]) => Response | undefined;
}

/** What a page may send beside the headers that need no leave; the second line is for Connect and gRPC-Web. */
const ALLOWED_HEADERS = [
  ...["Authorization", "Content-Type", "If-None-Match", "Last-Event-ID", "X-Request-Id"],
  ...["Connect-Protocol-Version", "Connect-Timeout-Ms", "Grpc-Timeout", "X-Grpc-Web", "X-User-Agent"],
].join(", ");
/** What a page may read of an answer (contract.md section 7); the last line is for gRPC-Web. */
const EXPOSED_HEADERS = [
  "X-Request-Id",
  "X-Total-Count",
  "Link",
  "ETag",
  "Retry-After",
  "RateLimit",
  "RateLimit-Policy",
  "X-RateLimit-Limit",
  "X-RateLimit-Remaining",
  "X-RateLimit-Reset",
  ...["Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin"],
].join(", ");
const ANY_METHODS = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"];
const PREFLIGHT_MAX_AGE_SECONDS = 600;

/**
 * Cross-origin access (the Fetch standard's CORS protocol) for a list of exact origins, or `*`. Never with credentials:
 * our tokens travel in a header that a page must set itself. Our own table in place of Hono's middleware, which had
 * advisories about reflected headers and origins.
 */
export function createCors(origins: readonly string[]): Cors {
  const anyOrigin = origins.includes("*");
  const allowed = new Set(origins);
  const allowedOrigin = (request: Request): string | undefined => {
    if (anyOrigin) return "*";
    const origin = request.headers.get("origin");
    return origin !== null && allowed.has(origin) ? origin : undefined;
  };

  const decorate: Cors["decorate"] = (request, headers) => {
    // On every answer, also to strangers: a cache must not give one origin's answer to another.
    if (!anyOrigin) headers.append("Vary", "Origin");
    const origin = allowedOrigin(request);
    if (origin === undefined) return;
    headers.set("Access-Control-Allow-Origin", origin);
    headers.set("Access-Control-Expose-Headers", EXPOSED_HEADERS);
  };

  return {
    decorate,
    preflight(request, methods) {
      const asks = request.headers.has("origin") && request.headers.has("access-control-request-method");
      if (request.method !== "OPTIONS" || !asks) return undefined;
      const response = new Response(null, { status: 204 });
      response.headers.append("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers");
      if (allowedOrigin(request) !== undefined) {
        // For a path that does not exist as well: a page should be able to read the 404, not a network error.
        response.headers.set("Access-Control-Allow-Methods", (methods.length > 0 ? methods : ANY_METHODS).join(", "));
        response.headers.set("Access-Control-Allow-Headers", ALLOWED_HEADERS);
        response.headers.set("Access-Control-Max-Age", String(PREFLIGHT_MAX_AGE_SECONDS));
      }
      return response;
    },
  };
}
