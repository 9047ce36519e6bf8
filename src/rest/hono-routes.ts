import type { Env, Handler, Hono } from "hono";
import { honoPatterns } from "./hono-pattern.ts";
import type { HttpBinding } from "./http-binding.ts";
import { comparePrecedence } from "./precedence.ts";

/**
 * Registers every binding on the app, which must have been made with `getPath: ({ url }) => canonicalPath(url)`.
 *
 * Hono runs the first registered handler that matches, so registering by precedence makes it find what a transcoder
 * must find; a handler here always answers and never calls `next`. It does so in either of its routers. Hono begins
 * with RegExpRouter, which refuses sets of routes that overlap in ways its one expression cannot tell apart (a literal
 * beside a variable is enough), and then changes to TrieRouter: slower, but it collects all matches and sorts them by
 * registration.
 *
 * HEAD needs nothing: Hono answers it as GET and drops the body.
 */
export function mountRoutes<E extends Env>(
  app: Hono<E>,
  bindings: readonly HttpBinding[],
  handlerFor: (binding: HttpBinding) => Handler<E>,
): void {
  for (const binding of bindings.toSorted(comparePrecedence)) {
    const handler = handlerFor(binding);
    const method = binding.method === "*" ? ANY_METHOD : binding.method;
    app.on(method, [...honoPatterns(binding.template)], handler);
  }
}

/** What Hono calls a route for every method. Middleware is registered as such as well. */
const ANY_METHOD = "ALL";

/**
 * The methods that the app has routes for at this canonical path, in alphabetical order, for 405 and its `Allow`:
 * HEAD where there is GET, and OPTIONS always. Empty where no route has this path: that is 404.
 *
 * Hono's routers say only what matches, not what nearly matched, so each method that any route has is asked for. That
 * covers the routes that are not transcoded too. A route for any method never leads to 405 and is not looked at.
 */
export function allowedMethods<E extends Env>(app: Hono<E>, path: string): readonly string[] {
  const registered = new Set(app.routes.map((route) => route.method));
  registered.delete(ANY_METHOD);
  const allowed = new Set([...registered].filter((method) => hasRoute(app, method, path)));
  if (allowed.size === 0) return [];
  if (allowed.has("GET")) allowed.add("HEAD");
  return [...allowed.add("OPTIONS")].sort();
}

function hasRoute<E extends Env>(app: Hono<E>, method: string, path: string): boolean {
  const [handlers] = app.router.match(method, path);
  return handlers.some(([[, route]]) => route.method === method);
}
