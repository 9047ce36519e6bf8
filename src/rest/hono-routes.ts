import type { Env, Handler, Hono } from "hono";
import { honoPatterns } from "./hono-pattern.ts";
import { comparePrecedence, type Route } from "./precedence.ts";

/**
 * Registers every route (an HttpBinding is one) on the app, which must have been made with
 * `getPath: ({ url }) => canonicalPath(url)`.
 *
 * Hono runs the first registered handler that matches, so registering by precedence makes it find what a transcoder
 * must find; a handler here always answers and never calls `next`. It does so in either of its routers. TrieRouter
 * collects all matches and sorts them by registration. RegExpRouter, which Hono tries first unless told, is faster, and
 * refuses sets of routes that overlap in ways its one expression cannot tell apart (a literal beside a variable is enough).
 *
 * HEAD needs nothing: Hono answers it as GET and drops the body.
 */
export function mountRoutes<E extends Env, R extends Route>(
  app: Hono<E>,
  routes: readonly R[],
  handlerFor: (route: R) => Handler<E>,
): void {
  for (const route of routes.toSorted(comparePrecedence)) {
    const patterns = [...honoPatterns(route.template)];
    const handler = handlerFor(route);
    if (route.method === ANY_METHOD) app.on([HONO_ANY_METHOD, ANY_METHOD], patterns, exceptOptions(handler));
    else app.on(route.method, patterns, handler);
  }
}

/** OPTIONS is a question about the path, asked by browsers before they send anything: it is no call of an rpc. */
function exceptOptions<E extends Env>(handler: Handler<E>): Handler<E> {
  return (context, next) => (context.req.method === "OPTIONS" ? next() : handler(context, next));
}

/** What Hono calls a route for every method. Middleware is registered as such as well. */
const HONO_ANY_METHOD = "ALL";

/** Routes for any method are registered under their own name too: that tells them from middleware below. */
const ANY_METHOD = "*";

/** What `Allow` says for any method; there is no word for it. */
const COMMON_METHODS = ["DELETE", "GET", "PATCH", "POST", "PUT"];

/**
 * The methods that the app has routes for at this canonical path, in alphabetical order, for 405 and its `Allow`:
 * HEAD where there is GET, and OPTIONS always. Empty where no route has this path: that is 404.
 *
 * Hono's routers say only what matches, not what nearly matched, so each method that any route has is asked for. That
 * covers the routes that are not transcoded too.
 */
export function allowedMethods<E extends Env>(app: Hono<E>, path: string): readonly string[] {
  const registered = new Set(app.routes.map((route) => route.method));
  const matching = [...registered].filter((method) => hasRoute(app, method, path));
  if (matching.length === 0) return [];
  const allowed = new Set(matching.flatMap((method) => (method === ANY_METHOD ? COMMON_METHODS : method)));
  if (allowed.has("GET")) allowed.add("HEAD");
  return [...allowed.add("OPTIONS")].sort();
}

function hasRoute<E extends Env>(app: Hono<E>, method: string, path: string): boolean {
  if (method === HONO_ANY_METHOD) return false;
  const [handlers] = app.router.match(method, path);
  return handlers.some(([[, route]]) => route.method === method);
}
