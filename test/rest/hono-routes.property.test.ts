import fc from "fast-check";
import { UnsupportedPathError } from "hono/router";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { TrieRouter } from "hono/router/trie-router";
import { expect, test } from "vitest";
import { type RouterClass, RouteTable } from "./route-table.ts";

/**
 * Random routes and random requests, against a matcher that does what google/api/http.proto says and Envoy's library
 * does, as plainly as it can be written: it splits strings and walks segment by segment. It shares no code with ours.
 */

interface OracleRoute {
  readonly text: string;
  readonly method: string;
  readonly segments: readonly string[];
  readonly verb: string;
}

const method = fc.constantFrom("GET", "GET", "POST", "LIST", "*");
const literal = fc.constantFrom("a", "b", "c", "@1", "a.b");
const verb = fc.constantFrom("", "", "", "", "go", "stop");

const anySegments = fc.array(fc.oneof({ weight: 3, arbitrary: literal }, fc.constant("*")), { maxLength: 4 });
const routes = routesOf(anySegments, 10);

/** RegExpRouter refuses a literal beside a variable. Here each depth has one kind, and the routes still overlap. */
const alignedSegments = fc
  .tuple(fc.constantFrom("a", "b"), fc.constant("*"), fc.constantFrom("a", "b"), fc.constant("*"))
  .chain((segments) => fc.nat(segments.length).map((length) => segments.slice(0, length)));
const alignedRoutes = routesOf(alignedSegments, 6);

function routesOf(singles: fc.Arbitrary<readonly string[]>, maxLength: number): fc.Arbitrary<OracleRoute[]> {
  const route = fc
    .record({ method, singles, many: fc.boolean(), verb })
    .map(({ method, singles, many, verb }): OracleRoute => {
      const segments = many ? [...singles, "**"] : singles;
      return { text: `${method} /${segments.join("/")}${verb && `:${verb}`}`, method, segments, verb };
    })
    .filter(({ segments }) => segments.length > 0);
  return fc.uniqueArray(route, { selector: ({ text }) => text, minLength: 1, maxLength });
}

const segment = fc.constantFrom(
  "a",
  "b",
  "c",
  "@1",
  "a.b",
  "axb",
  "a:go",
  "b:stop",
  "c:other",
  ":go",
  "x%2Fy",
  "%61",
  "",
);
const request = fc
  .tuple(fc.constantFrom("GET", "POST", "LIST", "OPTIONS", "BREW"), fc.array(segment, { maxLength: 5 }), verb)
  .map(([method, segments, verb]) => ({ method, path: `/${segments.join("/")}${verb && `:${verb}`}` }));

const requests = fc.array(request, { minLength: 10, maxLength: 30 });

test.each([
  ["TrieRouter", TrieRouter, routes, 1500],
  ["RegExpRouter", RegExpRouter, alignedRoutes, 4000],
  ["the router that Hono chooses", undefined, routes, 1500],
] as const)("%s finds the route that the oracle finds", { timeout: 120_000 }, async (_, router, routes, numRuns) => {
  let carried = 0;
  const property = fc.asyncProperty(routes, requests, async (routes, requests) => {
    const table = await tableIfSupported(routes, router);
    if (table === undefined) return;
    carried++;
    for (const { method, path } of requests) {
      expect(await table.ask(`${method} ${path}`), `${method} ${path}`).toBe(oracle(routes, method, path));
    }
  });
  await fc.assert(property, { numRuns });
  // RegExpRouter refuses many sets. It must have carried enough of them to have been tested.
  expect(carried).toBeGreaterThan(numRuns / 10);
});

/** Undefined where this router refuses these routes, some of which RegExpRouter finds out at the first request. */
async function tableIfSupported(routes: readonly OracleRoute[], router: RouterClass | undefined) {
  try {
    const table = new RouteTable(
      routes.map(({ text }) => text),
      router,
    );
    await table.ask("GET /");
    return table;
  } catch (error) {
    if (error instanceof UnsupportedPathError) return undefined;
    throw error;
  }
}

/** The best route; else the methods that the path has, in alphabetical order; else 404. */
function oracle(routes: readonly OracleRoute[], method: string, path: string): string {
  const readings = readingsOf(path);
  if (method !== "OPTIONS") {
    for (const reading of readings) {
      const found = walk(ofReading(routes, reading), method, reading.segments);
      if (found !== undefined) return found.text;
    }
  }
  const matching = readings.flatMap((reading) => ofReading(routes, reading).filter((each) => matches(each, reading)));
  const methods = matching.flatMap(({ method }) =>
    method === "*" ? ["DELETE", "GET", "PATCH", "POST", "PUT"] : method,
  );
  if (methods.length === 0) return "404";
  return [...new Set([...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"])].sort().join(" ");
}

interface Reading {
  readonly segments: readonly string[];
  readonly verb: string;
}

/** A path can be read with what follows its last colon as the verb, and without; in this order. */
function readingsOf(path: string): readonly Reading[] {
  const trimmed = path.endsWith("/") ? path.slice(0, -1) : path;
  const segments = trimmed.split("/").slice(1);
  if (segments.includes("")) return [];
  const plain = { segments, verb: "" };
  const last = segments.at(-1) ?? "";
  const colon = last.lastIndexOf(":");
  const head = last.slice(0, colon);
  // A verb follows a segment that is not empty, or the root.
  if (colon === -1 || (head === "" && segments.length > 1)) return [plain];
  const before = segments.slice(0, -1);
  return [{ segments: head === "" ? before : [...before, head], verb: last.slice(colon + 1) }, plain];
}

function ofReading(routes: readonly OracleRoute[], { verb }: Reading): readonly OracleRoute[] {
  return routes.filter((each) => each.verb === verb);
}

/** A literal before `*` before `**`, going back from what leads nowhere; the exact method before any. */
function walk(
  routes: readonly OracleRoute[],
  method: string,
  path: readonly string[],
  depth = 0,
): OracleRoute | undefined {
  const having = (text: string | undefined) => routes.filter(({ segments }) => segments[depth] === text);
  const ending = (candidates: readonly OracleRoute[]) =>
    candidates.find((each) => each.method === method) ?? candidates.find((each) => each.method === "*");
  if (routes.length === 0) return undefined;
  if (depth === path.length) return ending(having(undefined)) ?? ending(having("**"));
  return (
    walk(having(path[depth]), method, path, depth + 1) ??
    walk(having("*"), method, path, depth + 1) ??
    ending(having("**"))
  );
}

function matches({ segments }: OracleRoute, { segments: path }: Reading): boolean {
  const many = segments.at(-1) === "**";
  const singles = many ? segments.slice(0, -1) : segments;
  if (many ? path.length < singles.length : path.length !== singles.length) return false;
  return singles.every((text, index) => text === "*" || text === path[index]);
}
