import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { type Answer, type CallOptions, call, type Person, register } from "../support/gateway-under-test.ts";
import { expectProblem } from "../support/problems.ts";
import {
  createWorld,
  methodOf,
  REST_ROUTES,
  type ReadyCall,
  type RestRoute,
  type World,
} from "../support/rest-routes.ts";
import { QUERY_PARAMETERS } from "../support/wrong-values.ts";
import type { Target } from "./suite-target.ts";

/** The same requests every time, unless somebody looks for others: FUZZ_SEED=… */
const SEED = Number(process.env.FUZZ_SEED ?? 20_260_101);
const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 3_000);

/** Requests made of good ones by spoiling a part or two: none may be answered with 5xx or a body out of form. */
export function fuzzSuite(target: Target): void {
  let world: World;
  let stranger: Person;
  let repeatable: Readonly<Record<string, ReadyCall>>;
  beforeAll(async () => {
    world = await createWorld(target().url);
    stranger = await register(target().url, "CLIENT");
    repeatable = repeatableCalls(world, await register(target().url, "CLIENT"));
  });

  test(`${REQUESTS} spoilt requests are answered in form (seed ${SEED})`, { timeout: 120_000 }, async () => {
    const { url } = target();
    const seen = new Map<number, number>();
    const property = fc.asyncProperty(SPOILT, async (spoilt) => {
      const ready = repeatable[spoilt.row.route] ?? (await spoilt.row.ready(world));
      const { request, options } = requestOf(spoilt, ready, stranger);
      const answer = await call(url, request, options);
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
      expectInForm(url, request, answer);
    });
    await fc.assert(property, { seed: SEED, numRuns: REQUESTS, endOnFailure: true });

    // A fuzz that is refused at the door tries nothing.
    for (const status of [200, 201, 400, 401, 403, 404, 405, 415])
      expect(seen.get(status), `${status}`).toBeGreaterThan(0);
    expect(seen.get(200)! + seen.get(201)!).toBeGreaterThan(REQUESTS / 20);
    expect(seen.get(400)!).toBeGreaterThan(REQUESTS / 5);
  });

  test("and the gateway is as well as before", async () => {
    const { url, client, taskId } = world;
    expect((await call(url, "GET /health")).status).toBe(200);
    // Signed in anew: among so many requests were more sign-ins of this client than anybody may have sessions.
    const { email, password } = client;
    const { body: session } = await call(url, "POST /api/v1/auth/login", { body: { email, password } });
    expect((await call(url, `GET /api/v1/tasks/${taskId}`, { token: session.access_token })).status).toBe(200);
  });
}

function expectInForm(url: string, request: string, answer: Answer): void {
  const { status, headers, body } = answer;
  expect(status, `${request} ${JSON.stringify(body)}`).toBeLessThan(500);
  expect(headers.get("x-request-id"), request).toMatch(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/);
  const hasBody = !request.startsWith("HEAD ") && status !== 204;
  if (status >= 400 && hasBody) expectProblem(url, request, answer);
  else if (hasBody) expect(typeof body, request).toBe(isStream(headers) ? "string" : "object");
}

const isStream = (headers: Headers): boolean => headers.get("content-type") === "text/event-stream";

interface Spoilt {
  readonly row: RestRoute;
  readonly method: string | undefined;
  /** Replaces the path's segment of this index, counted from the end. */
  readonly segment: { readonly fromEnd: number; readonly text: string } | undefined;
  readonly suffix: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  readonly rawQuery: string;
  readonly token: "own" | "other" | "none" | string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: SpoiltBody;
}

type SpoiltBody =
  | { readonly kind: "good" }
  | {
      readonly kind: "members";
      readonly changes: readonly (readonly [member: number | string, json: string | undefined])[];
    }
  | { readonly kind: "cut"; readonly at: number; readonly insert: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

/** What a path segment or a query value may hold once it is encoded, and some that no encoder writes. */
const SEGMENT = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => encodeURIComponent(text.toWellFormed())),
  fc.stringMatching(/^[A-Za-z0-9._:~!$&'()*+,;=@-]{1,12}$/),
  fc.constantFrom("%", "%2F", "%2f", "%00", "%zz", "%C3", "%ED%A0%80", "..%2F..", "%2e%2e", "me", "a".repeat(129), "*"),
);
const SEGMENT_CHANGE = fc.record({ fromEnd: fc.integer({ min: 0, max: 2 }), text: SEGMENT });

const NAMES = [...new Set(Object.values(QUERY_PARAMETERS).flatMap((parameters) => parameters.map(({ name }) => name)))];
const QUERY_NAME = fc.oneof(
  fc.constantFrom(
    ...NAMES,
    ...NAMES.map((name) => `${name}[]`),
    "skillTags",
    "user_id",
    "afterEventId",
    "changes.title",
  ),
  SEGMENT,
);
const QUERY_VALUE = fc.oneof(
  fc.constantFrom(
    "1",
    "0",
    "-1",
    "50",
    "1.5",
    "1e400",
    "OPEN",
    "paused",
    "2",
    "balanced",
    "NaN",
    "true",
    "null",
    "",
    "+",
  ),
  fc.double({ noNaN: true }).map(String),
  SEGMENT,
);

const JSON_LEAF = fc.oneof(
  fc.constantFrom(
    "null",
    "true",
    "0",
    "-0",
    "1",
    "-1",
    "1.5",
    "1e400",
    "1e308",
    "5e-324",
    "9007199254740993",
    '""',
    "[]",
    "{}",
  ),
  fc.constantFrom(
    '"IDLE"',
    '"searching"',
    '"OPEN"',
    '"IN_PROGRESS"',
    '"CLIENT"',
    '"greedy"',
    '"NaN"',
    '"https://x.example"',
    '"\\u0000"',
  ),
  fc.constantFrom(
    '"\\ud800"',
    "NaN",
    "[[[]]]",
    '{"a":1,"a":2}',
    '{"__proto__":{}}',
    "[".repeat(70),
    `"${"x".repeat(300)}"`,
  ),
  fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => JSON.stringify(text)),
  fc.double().map((number) => JSON.stringify(number)),
);
const JSON_VALUE = fc.oneof(
  { weight: 4, arbitrary: JSON_LEAF },
  { weight: 1, arbitrary: fc.array(JSON_LEAF, { maxLength: 4 }).map((items) => `[${items.join(",")}]`) },
  { weight: 1, arbitrary: fc.json({ maxDepth: 3 }) },
);
/** A member of the good body by its number, or one of any name; undefined leaves it out. */
const MEMBER_CHANGE = fc.tuple(
  fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 0, max: 11 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<number | string>("hourlyRate", "client_id", "update_mask", "__proto__", ""),
    },
    { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 8 }) as fc.Arbitrary<number | string> },
  ),
  fc.option(JSON_VALUE, { nil: undefined, freq: 6 }),
);
const BODY: fc.Arbitrary<SpoiltBody> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<SpoiltBody>({ kind: "good" }) },
  {
    weight: 8,
    arbitrary: fc
      .array(MEMBER_CHANGE, { minLength: 1, maxLength: 4 })
      .map((changes): SpoiltBody => ({ kind: "members", changes })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ at: fc.nat(300), insert: fc.string({ unit: "binary-ascii", maxLength: 3 }) })
      .map((cut): SpoiltBody => ({ kind: "cut", ...cut })),
  },
  { weight: 1, arbitrary: JSON_VALUE.map((text): SpoiltBody => ({ kind: "text", text })) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes): SpoiltBody => ({ kind: "bytes", bytes })) },
);

/** What fetch lets into a header: a byte string without control characters. */
const HEADER_VALUE = fc.oneof(
  fc.stringMatching(/^[\u0021-\u007e\u00a1-\u00ff]{0,20}$/),
  fc.constantFrom("application/json", "text/plain", "gzip", "*/*", "a".repeat(200), '"', "null", "1"),
);
const HEADER_NAME = fc.constantFrom(
  "content-type",
  "accept",
  "accept-encoding",
  "x-request-id",
  "last-event-id",
  "traceparent",
  "origin",
  "if-none-match",
  "range",
  "content-encoding",
  "x-user-id",
  "x-user-role",
  "x-http-method-override",
  "x-forwarded-for",
  "cookie",
  "connect-protocol-version",
  "grpc-timeout",
);

const mostly = <T>(usual: T, arbitrary: fc.Arbitrary<T>, weight = 3) =>
  fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary });

const SPOILT: fc.Arbitrary<Spoilt> = fc.record({
  row: fc.constantFrom(...REST_ROUTES),
  method: mostly<string | undefined>(
    undefined,
    // No DELETE: the owner's would end the task that the others are about.
    fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS", "QUERY"),
    9,
  ),
  segment: mostly<Spoilt["segment"]>(undefined, SEGMENT_CHANGE, 5),
  suffix: mostly("", fc.constantFrom("/", "//", "/x", ":verb", "%2F", "/..", "#x", "/%2e"), 9),
  query: mostly<Spoilt["query"]>([], fc.array(fc.tuple(QUERY_NAME, QUERY_VALUE), { maxLength: 4 }), 2),
  rawQuery: mostly(
    "",
    fc.constantFrom("&", "&&=", "=", "?", "%", "&a&b", "limit", ";", "#limit=0", "&limit=1&limit=1"),
    9,
  ),
  token: mostly<string>("own", fc.oneof(fc.constantFrom("other", "none"), HEADER_VALUE), 8),
  headers: mostly<Record<string, string>>({}, fc.dictionary(HEADER_NAME, HEADER_VALUE, { maxKeys: 3 })),
  body: BODY,
});

/** Good calls for the routes whose own can be made only once: what ends a session or a task has one to end. */
function repeatableCalls({ developer, taskId }: World, throwaway: Person): Readonly<Record<string, ReadyCall>> {
  const refresh_token = throwaway.refreshToken;
  return {
    "POST /api/v1/auth/refresh": { path: "/api/v1/auth/refresh", body: { refresh_token } },
    "POST /api/v1/auth/logout": { path: "/api/v1/auth/logout", token: throwaway.token, body: { refresh_token } },
    "POST /api/v1/users/developers": {
      path: "/api/v1/users/developers",
      token: developer.token,
      body: { display_name: "Fuzz", email: developer.email, skill_tags: ["a"], hourly_rate: 1 },
    },
    // Not its owner, so that the task stays.
    "DELETE /api/v1/tasks/{task_id}": { path: `/api/v1/tasks/${taskId}`, token: developer.token },
  };
}

function requestOf(spoilt: Spoilt, ready: ReadyCall, stranger: Person) {
  const { row, method = methodOf(row), suffix, query, rawQuery, headers } = spoilt;
  const pairs = query.map(([name, value]) => `${name}=${value}`).join("&");
  const search = pairs === "" && rawQuery === "" ? "" : `?${pairs}${rawQuery}`;
  const bodiless = method === "GET" || method === "HEAD";
  const body = bodiless ? undefined : bodyOf(spoilt.body, ready.body);
  const token = { own: ready.token, other: stranger.token, none: undefined }[spoilt.token];
  const authorization =
    spoilt.token in { own: 1, other: 1, none: 1 } ? {} : { authorization: `Bearer ${spoilt.token}` };
  const options: CallOptions = { token, body, headers: { ...headers, ...authorization } };
  return { request: `${method} ${changedPath(ready.path, spoilt.segment)}${suffix}${search}`, options };
}

function changedPath(path: string, change: Spoilt["segment"]): string {
  if (change === undefined) return path;
  const segments = path.split("/");
  segments[segments.length - 1 - change.fromEnd] = change.text;
  return segments.join("/");
}

function bodyOf(spoilt: SpoiltBody, good: object | undefined): string | Uint8Array | undefined {
  const text = good === undefined ? undefined : JSON.stringify(good);
  switch (spoilt.kind) {
    case "good":
      return text;
    case "members":
      return withMembers(good ?? {}, spoilt.changes);
    case "cut":
      return `${text?.slice(0, spoilt.at) ?? ""}${spoilt.insert}${text?.slice(spoilt.at + spoilt.insert.length) ?? ""}`;
    case "text":
      return spoilt.text;
    case "bytes":
      return spoilt.bytes;
  }
}

function withMembers(good: object, changes: readonly (readonly [number | string, string | undefined])[]): string {
  const members = new Map(Object.entries(good).map(([name, value]) => [name, JSON.stringify(value)]));
  const names = [...members.keys()];
  for (const [member, json] of changes) {
    const name = typeof member === "number" ? names[member % Math.max(1, names.length)] : member;
    if (name === undefined) continue;
    if (json === undefined) members.delete(name);
    else members.set(name, json);
  }
  return `{${[...members].map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(",")}}`;
}
