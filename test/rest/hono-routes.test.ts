import { HonoBase } from "hono/hono-base";
import { UnsupportedPathError } from "hono/router";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { TrieRouter } from "hono/router/trie-router";
import { describe, expect, test } from "vitest";
import { AuthService } from "#gen/gateway/v1/auth_pb.ts";
import { MatchingService } from "#gen/gateway/v1/matching_pb.ts";
import { TasksService } from "#gen/gateway/v1/tasks_pb.ts";
import { UsersService } from "#gen/gateway/v1/users_pb.ts";
import { canonicalPath } from "#src/rest/canonical-path.ts";
import { allowedMethods, mountRoutes } from "#src/rest/hono-routes.ts";
import { httpBindings } from "#src/rest/http-rules.ts";
import { RouteTable } from "./route-table.ts";

type Row = readonly [request: string, answer: string, because: string];

interface Table {
  readonly about: string;
  readonly routes: readonly string[];
  /** RegExpRouter takes the routes; where it refuses them, Hono changes to TrieRouter. */
  readonly regExpRouter: boolean;
  /** The answer is the route, the allowed methods (405) or 404. */
  readonly rows: readonly Row[];
}

const TABLES: readonly Table[] = [
  {
    about: "literals and one variable",
    routes: ["GET /v1/shelves", "POST /v1/shelves", "GET /v1/shelves/{id}", "DELETE /v1/shelves/{id}"],
    regExpRouter: true,
    rows: [
      ["GET /v1/shelves", "GET /v1/shelves", "a literal path"],
      ["POST /v1/shelves", "POST /v1/shelves", "by its method"],
      ["GET /v1/shelves/7", "GET /v1/shelves/{id}", "a variable"],
      ["GET /v1/shelves/", "GET /v1/shelves", "a trailing slash is dropped: it is never an empty variable"],
      ["GET /v1/shelves/7/", "GET /v1/shelves/{id}", "behind a variable too"],
      ["GET /v1/shelves?x=/y", "GET /v1/shelves", "the query is not routed"],
      [
        "GET /v1/shelves/a%2Fb",
        "GET /v1/shelves/{id}",
        "an encoded slash is no separator; grpc-gateway splits the decoded path",
      ],
      [
        "GET /v1/shelves/%zz",
        "GET /v1/shelves/{id}",
        "malformed encoding is routed, and then 400; vanguard-go does not match",
      ],
      ["GET /v1/shelves/a:b", "GET /v1/shelves/{id}", "an id may have a colon"],
      ["GET /v1/shelves/a:", "GET /v1/shelves/{id}", "even at its end"],
      ["GET /v1/shelves/7/books", "404", "a variable is one segment"],
      ["GET /v1/books", "404", "no such path"],
      ["GET /v1/Shelves", "404", "letter case counts"],
      ["GET /v1/%73helves", "404", "a literal is compared as it is sent, and nobody encodes a letter"],
      ["GET //v1/shelves", "404", "an empty segment in front"],
      ["GET /v1//shelves", "404", "in the middle"],
      ["GET /v1/shelves//", "404", "at the end"],
      ["GET /", "404", "the root has no route"],
      ["GET /v1/shelves/../shelves", "GET /v1/shelves", "dot segments are resolved before we see them"],
      ["PUT /v1/shelves", "GET HEAD OPTIONS POST", "405 with what the path has; grpc-gateway answers 501"],
      ["PATCH /v1/shelves/7", "DELETE GET HEAD OPTIONS", "the variable's path has others"],
      ["OPTIONS /v1/shelves", "GET HEAD OPTIONS POST", "the gateway makes 204 of it"],
      ["HEAD /v1/shelves", "", "HEAD is GET, and Hono drops the body"],
      ["BREW /v1/shelves", "GET HEAD OPTIONS POST", "a method that nobody has"],
      ["BREW /v1/books", "404", "on a path that nobody has"],
      ["GET /health", "health", "routes that are not transcoded stay"],
      ["POST /health", "GET HEAD OPTIONS", "and have their 405 as well"],
    ],
  },
  {
    about: "a literal beside a variable",
    routes: [
      "GET /v1/users/{id}",
      "GET /v1/users/me",
      "GET /v1/users/{id}/posts",
      "GET /v1/users/me/posts/{id}",
      "DELETE /v1/users/{id}",
    ],
    regExpRouter: false,
    rows: [
      ["GET /v1/users/me", "GET /v1/users/me", "a literal before a variable, whichever was declared first"],
      ["GET /v1/users/you", "GET /v1/users/{id}", "the variable has the rest"],
      ["GET /v1/users/men", "GET /v1/users/{id}", "a longer literal is another literal"],
      ["GET /v1/users/me/posts", "GET /v1/users/{id}/posts", "a literal that leads nowhere is left again"],
      ["GET /v1/users/me/posts/7", "GET /v1/users/me/posts/{id}", "unless it leads somewhere"],
      [
        "DELETE /v1/users/me",
        "DELETE /v1/users/{id}",
        "a literal with another method does not hide the variable; vanguard-go stops there",
      ],
      ["PUT /v1/users/me", "DELETE GET HEAD OPTIONS", "405 names the methods of all that match"],
      [
        "GET /v1/users/%6De",
        "GET /v1/users/{id}",
        "an encoded literal is not the literal, and cannot reach its policy",
      ],
    ],
  },
  {
    about: "the earlier segment decides",
    routes: ["GET /v1/{id}/b/c", "GET /v1/a/{id}/{sub}", "GET /v1/a/{id}/c", "GET /v1/{id}/{sub}/c"],
    regExpRouter: false,
    rows: [
      ["GET /v1/a/b/c", "GET /v1/a/{id}/c", "literal first wins over more literals later; all four match"],
      ["GET /v1/a/b/d", "GET /v1/a/{id}/{sub}", "the last segment decides what is left"],
      ["GET /v1/x/b/c", "GET /v1/{id}/b/c", "the second segment, when the first is no literal"],
      ["GET /v1/x/y/c", "GET /v1/{id}/{sub}/c", "variables at last"],
      ["GET /v1/x/y/z", "404", "and nothing more"],
    ],
  },
  {
    about: "the rest of the path",
    routes: ["GET /v1/files/{id=**}", "GET /v1/files/readme", "PUT /v1/files/{id=**}", "GET /v1/list"],
    regExpRouter: true,
    rows: [
      ["GET /v1/files/a/b", "GET /v1/files/{id=**}", "** is several segments"],
      ["GET /v1/files/a", "GET /v1/files/{id=**}", "one"],
      ["GET /v1/files", "GET /v1/files/{id=**}", "or none"],
      ["GET /v1/files/", "GET /v1/files/{id=**}", "none, with a trailing slash"],
      ["GET /v1/files/readme", "GET /v1/files/readme", "a literal before **"],
      ["GET /v1/files/readme/x", "GET /v1/files/{id=**}", "which is left where it ends"],
      ["PUT /v1/files/readme", "PUT /v1/files/{id=**}", "and where it lacks the method"],
      ["GET /v1/files//a", "404", "** has no empty segments either"],
      ["GET /v1/filesystem", "404", "a segment is whole"],
      ["DELETE /v1/files/a/b", "GET HEAD OPTIONS PUT", "405 below **"],
      ["DELETE /v1/files", "GET HEAD OPTIONS PUT", "and at it"],
    ],
  },
  {
    about: "** beside *",
    routes: ["GET /v1/{id=**}", "GET /v1/*", "GET /v1/{id}/x", "GET /v1/a"],
    regExpRouter: false,
    rows: [
      ["GET /v1", "GET /v1/{id=**}", "only ** matches nothing"],
      ["GET /v1/a", "GET /v1/a", "a literal first"],
      ["GET /v1/b", "GET /v1/*", "then *"],
      ["GET /v1/b/x", "GET /v1/{id}/x", "* with what follows"],
      ["GET /v1/b/y", "GET /v1/{id=**}", "then **"],
      ["GET /v1/a/x", "GET /v1/{id}/x", "back from the literal to *"],
      ["GET /v1/a/y", "GET /v1/{id=**}", "and on to **"],
    ],
  },
  {
    about: "everything",
    routes: ["GET /{id=**}"],
    regExpRouter: false,
    rows: [
      ["GET /", "GET /{id=**}", "the root is no segment"],
      ["GET /a/b", "GET /{id=**}", "anything"],
      ["GET /health", "health", "except what was registered before"],
      ["GET /a//b", "404", "and except an empty segment"],
      ["GET //", "404", "or two of them"],
      ["PUT /a", "GET HEAD OPTIONS", "405 everywhere"],
      ["PUT //", "404", "but there"],
    ],
  },
  {
    about: "verbs",
    routes: [
      "POST /v1/books/{id}:publish",
      "GET /v1/books/{id}",
      "PUT /v1/books/{id}:publish",
      "GET /v1/books:search",
      "GET /v1/books",
      "GET /v1/{id=books/*}/pages:count",
    ],
    regExpRouter: false,
    rows: [
      ["POST /v1/books/7:publish", "POST /v1/books/{id}:publish", "a verb behind a variable"],
      ["PUT /v1/books/7:publish", "PUT /v1/books/{id}:publish", "by its method"],
      ["POST /v1/books/a:b:publish", "POST /v1/books/{id}:publish", "the last colon begins it"],
      ["POST /v1/books/7:publish/", "POST /v1/books/{id}:publish", "a trailing slash behind it is dropped"],
      [
        "POST /v1/books/7:delete",
        "GET HEAD OPTIONS",
        "a verb that is not registered is part of the id, which is only read",
      ],
      ["GET /v1/books/7:delete", "GET /v1/books/{id}", "so this is an id with a colon"],
      [
        "GET /v1/books/7:publish",
        "GET /v1/books/{id}",
        "so is a registered verb with a method it lacks; Envoy's library gives 404",
      ],
      ["DELETE /v1/books/7:publish", "GET HEAD OPTIONS POST PUT", "405 names the methods of both readings"],
      ["POST /v1/books/7%3Apublish", "GET HEAD OPTIONS", "an encoded colon never begins a verb"],
      ["GET /v1/books/7:Publish", "GET /v1/books/{id}", "letter case counts"],
      [
        "POST /v1/books/:publish",
        "GET HEAD OPTIONS",
        "a verb follows a segment that is not empty: this is the id `:publish`",
      ],
      ["GET /v1/books:search", "GET /v1/books:search", "a verb behind a literal"],
      ["GET /v1/books", "GET /v1/books", "which is another path than the literal"],
      ["GET /v1/books:find", "404", "a literal has no colon"],
      ["GET /v1/books/7/pages:count", "GET /v1/{id=books/*}/pages:count", "a verb behind a literal behind a variable"],
      ["GET /v1/books/7/pages", "404", "which has no route without it"],
    ],
  },
  {
    about: "a verb that competes",
    routes: ["GET /v1/{id}/{sub}:go", "GET /v1/a/{id}", "GET /v1/a/b/{id=**}:go"],
    regExpRouter: false,
    rows: [
      ["GET /v1/a/b:go", "GET /v1/a/b/{id=**}:go", "literals first among verbs, and ** is nothing here"],
      [
        "GET /v1/a/c:go",
        "GET /v1/{id}/{sub}:go",
        "a registered verb before a better path without one, as in Envoy's library",
      ],
      ["GET /v1/a/c:stop", "GET /v1/a/{id}", "an unregistered one is an id"],
    ],
  },
  {
    about: "a verb behind **",
    routes: ["GET /v1/archive/{id=**}:search", "GET /v1/archive/{id=**}"],
    regExpRouter: false,
    rows: [
      ["GET /v1/archive/a/b:search", "GET /v1/archive/{id=**}:search", "behind several segments"],
      ["GET /v1/archive/a:search", "GET /v1/archive/{id=**}:search", "behind one"],
      ["GET /v1/archive:search", "GET /v1/archive/{id=**}:search", "behind none: the verb follows the literal"],
      [
        "GET /v1/archive/:search",
        "GET /v1/archive/{id=**}",
        "an empty segment has no verb: this is the file `:search`",
      ],
      ["GET /v1/archive/a:search/b", "GET /v1/archive/{id=**}", "a verb is the end of the path"],
      ["GET /v1/archive/a/b", "GET /v1/archive/{id=**}", "without a verb"],
      ["GET /v1/archived:search", "404", "a segment is whole"],
    ],
  },
  {
    about: "a verb for everything",
    routes: ["GET /{id=**}:go"],
    regExpRouter: false,
    rows: [
      ["GET /:go", "GET /{id=**}:go", "the root is no segment"],
      ["GET /a:go", "GET /{id=**}:go", "one"],
      ["GET /a/b:go", "GET /{id=**}:go", "several"],
      ["GET /a/:go", "404", "not an empty one"],
      ["GET /a/b", "404", "not without the verb"],
    ],
  },
  {
    about: "any method",
    routes: ["* /v1/open", "GET /v1/open", "* /v1/{id}", "PUT /v1/{id=**}"],
    regExpRouter: false,
    rows: [
      ["GET /v1/open", "GET /v1/open", "an exact method first"],
      [
        "PUT /v1/open",
        "* /v1/open",
        "a better path with any method before a worse one with the exact one, as in Envoy's library",
      ],
      ["LIST /v1/open", "* /v1/open", "any is any"],
      [
        "OPTIONS /v1/open",
        "DELETE GET HEAD OPTIONS PATCH POST PUT",
        "but OPTIONS, which a browser asks before it calls: no rpc answers that",
      ],
      ["PUT /v1/x", "* /v1/{id}", "* before **"],
      ["PUT /v1/x/y", "PUT /v1/{id=**}", "where * is too short"],
      ["GET /v1/x/y", "OPTIONS PUT", "405 without GET has no HEAD"],
    ],
  },
  {
    about: "custom methods",
    routes: ["LIST /v1/shelves", "PURGE /v1/cache/{id}"],
    regExpRouter: true,
    rows: [
      ["LIST /v1/shelves", "LIST /v1/shelves", "custom.kind is the method"],
      ["PURGE /v1/cache/7", "PURGE /v1/cache/{id}", "any name"],
      ["GET /v1/shelves", "LIST OPTIONS", "and 405 knows it"],
      ["HEAD /v1/shelves", "", "HEAD needs a GET"],
    ],
  },
  {
    about: "literals that mean something to Hono",
    routes: ["GET /v1/@me/{id}", "GET /v1/a@1/{id}", "GET /v1/$x&/(y)/{id}", "GET /v1/.d+-~_!',;=/{id}"],
    regExpRouter: false,
    rows: [
      ["GET /v1/@me/7", "GET /v1/@me/{id}", "an at sign"],
      [
        "GET /v1/a@1/7",
        "GET /v1/a@1/{id}",
        "an at sign with a number, which RegExpRouter takes for a parameter of its own",
      ],
      ["GET /v1/$x&/(y)/7", "GET /v1/$x&/(y)/{id}", "what means something in a replacement or an expression"],
      ["GET /v1/.d+-~_!',;=/7", "GET /v1/.d+-~_!',;=/{id}", "all the others"],
      ["GET /v1/xd+-~_!',;=/7", "404", "a dot is a dot"],
      ["GET /v1/.ddd-~_!',;=/7", "404", "a plus is a plus"],
    ],
  },
];

describe.each(TABLES)("$about", ({ routes, regExpRouter, rows }) => {
  const routers = { ...(regExpRouter && { RegExpRouter }), TrieRouter, "Hono's choice": undefined };

  for (const [name, router] of Object.entries(routers)) {
    const table = new RouteTable(routes, router);
    for (const [request, answer, because] of rows) {
      test(`${request} by ${name}: ${because}`, async () => expect(await table.ask(request)).toBe(answer));
    }
  }

  if (!regExpRouter) {
    test("RegExpRouter refuses the routes, so Hono chooses TrieRouter", async () => {
      const ask = async () => new RouteTable(routes, RegExpRouter).ask("GET /");
      await expect(ask).rejects.toThrow(UnsupportedPathError);
    });
  }

  test("the order of declaration changes nothing", async () => {
    const table = new RouteTable(routes.toReversed());
    for (const [request, answer] of rows) expect(await table.ask(request), request).toBe(answer);
  });
});

test("the gateway's own contract is carried by Hono without more than TrieRouter", async () => {
  const app = new HonoBase({ getPath: ({ url }) => canonicalPath(url), router: new TrieRouter() });
  const services = [AuthService, UsersService, TasksService, MatchingService];
  mountRoutes(
    app,
    httpBindings(services),
    ({ rpc }) =>
      (c) =>
        c.text(rpc.name),
  );
  expect(await (await app.request("/api/v1/users/developers/7")).text()).toBe("GetDeveloper");
  expect(allowedMethods(app, "/api/v1/users/developers/7")).toEqual(["GET", "HEAD", "OPTIONS", "PUT"]);
});
