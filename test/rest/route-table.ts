import { Hono } from "hono";
import type { Router } from "hono/router";
import type { H, RouterRoute } from "hono/types";
import { canonicalPath } from "#src/rest/canonical-path.ts";
import { allowedMethods, mountRoutes } from "#src/rest/hono-routes.ts";
import { parsePathTemplate } from "#src/rest/path-template.ts";

/** One of Hono's routers. */
export type RouterClass = new () => Router<[H, RouterRoute]>;

/** An app that has these routes (`GET /v1/{id}`) and answers each request with the route that got it. */
export class RouteTable {
  readonly #app: Hono;

  /** Without a router, Hono chooses one. */
  constructor(routes: readonly string[], router?: RouterClass) {
    const app = new Hono({ getPath: ({ url }) => canonicalPath(url), ...(router && { router: new router() }) });
    // Middleware and routes that are not transcoded come first, as a gateway has them.
    app.use(async (_, next) => next());
    app.get("/health", (c) => c.text("health"));
    mountRoutes(
      app,
      routes.map(parseRoute),
      ({ text }) =>
        (c) =>
          c.text(text),
    );
    app.notFound((c) => c.text(allowedMethods(app, c.req.path).join(" ") || "404"));
    this.#app = app;
  }

  /** The route that answers `GET /v1/x`; else the methods that the path has; else `404`. */
  async ask(request: string): Promise<string> {
    const [method, target] = splitAtSpace(request);
    const response = await this.#app.fetch(new Request(`http://gateway.test${target}`, { method }));
    return response.text();
  }
}

function parseRoute(text: string) {
  const [method, template] = splitAtSpace(text);
  return { text, method, template: parsePathTemplate(template) };
}

function splitAtSpace(text: string): readonly [string, string] {
  const space = text.indexOf(" ");
  return [text.slice(0, space), text.slice(space + 1)];
}
