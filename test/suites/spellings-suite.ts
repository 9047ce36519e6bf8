import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, call, register } from "../support/gateway-under-test.ts";
import { expectRefusal, invalid, METHOD_NOT_ALLOWED, NOT_FOUND, UNAUTHENTICATED } from "../support/problems.ts";
import { callRoute, createWorld, methodOf, REST_ROUTES, routeNamed, type World } from "../support/rest-routes.ts";
import { accountBody, newDeveloper, newTask, setPresence, taskBody } from "../support/samples.ts";
import type { Target } from "./suite-target.ts";

/** What contract.md section 2 lets a client write in more than one way, and what it does not. */
export function spellingsSuite(target: Target): void {
  const url = () => target().url;
  let world: World;
  beforeAll(async () => {
    world = await createWorld(url());
  });

  describe.each(REST_ROUTES.map((row) => [row.route, row] as const))("%s", (_name, row) => {
    test("answers the same with and without a trailing slash, and never redirects", async () => {
      const plain = await callRoute(row, world);
      const slashed = await callRoute(row, world, (path) => `${path}/`);
      expect(plain.status).toBe(row.status);
      expect(shapeOf(slashed)).toEqual(shapeOf(plain));
    });

    test("keeps its query behind a trailing slash, and names what is unknown in it", async () => {
      const { path, token, body } = await row.ready(world);
      for (const slash of ["", "/"]) {
        const request = `${methodOf(row)} ${path}${slash}?no_such=1&x[]=2`;
        await expectRefusal(url(), request, { token, body }, invalid("no_such", "x[]"));
      }
    });

    const otherPaths: readonly (readonly [why: string, change: (path: string) => string])[] = [
      ["two slashes in front", (path) => `/${path}`],
      ["two slashes inside", (path) => path.replace("/v1/", "/v1//")],
      ["two slashes at the end", (path) => `${path}//`],
      ["another letter case", (path) => path.replace("/api/v1/", "/api/V1/")],
      ["an encoded separator", (path) => path.replace("/v1/", "/v1%2F")],
      ["an encoded letter in a literal", (path) => path.replace("/api/", "/%61pi/")],
      ["something after it", (path) => `${path}/x/y/z`],
      ["something before it", (path) => `/x${path}`],
    ];
    test.each(otherPaths)("is 404 with %s", async (_why, change) => {
      const { path, token, body } = await row.ready(world);
      await expectRefusal(url(), `${methodOf(row)} ${change(path)}`, { token, body }, NOT_FOUND);
    });

    test("answers OPTIONS with 204 and its methods, without a token", async () => {
      const { path } = await row.ready(world);
      const { status, headers, body } = await call(url(), `OPTIONS ${path}`);
      expect([status, body]).toEqual([204, ""]);
      const allowed = headers.get("allow")!.split(", ");
      expect(allowed).toEqual(expect.arrayContaining(["OPTIONS", methodOf(row)]));
      expect(allowed.includes("HEAD"), "HEAD is there where GET is").toBe(allowed.includes("GET"));
    });

    test("refuses a method that the path does not have, and says which it has", async () => {
      const { path } = await row.ready(world);
      const { headers } = await expectRefusal(url(), `PATCH ${path}`, {}, METHOD_NOT_ALLOWED);
      expect(headers.get("allow")!.split(", ")).toEqual(expect.arrayContaining(["OPTIONS", methodOf(row)]));
    });

    test("repeats the client's X-Request-Id, and makes one of its own in place of one that is unfit", async () => {
      const withId = await callRoute(row, world, undefined, { "x-request-id": "My.request:1-2_3" });
      expect(withId.headers.get("x-request-id")).toBe("My.request:1-2_3");
      for (const unfit of ["two words", "-dash", "é", "<script>", "a".repeat(129)]) {
        const { headers } = await callRoute(row, world, undefined, { "x-request-id": unfit });
        expect(headers.get("x-request-id"), unfit).toMatch(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/);
        expect(headers.get("x-request-id")).not.toBe(unfit);
      }
    });
  });

  describe.each(REST_ROUTES.filter((row) => methodOf(row) === "GET").map((row) => [row.route, row] as const))(
    "%s",
    (_name, row) => {
      test("answers HEAD as GET, without the body", async () => {
        const { path, token } = await row.ready(world);
        const [head, get] = [await call(url(), `HEAD ${path}`, { token }), await call(url(), `GET ${path}`, { token })];
        expect([head.status, head.body]).toEqual([get.status, ""]);
        for (const name of ["content-type", "x-total-count", "link", "cache-control"]) {
          expect(head.headers.get(name), name).toBe(get.headers.get(name));
        }
        expect(await call(url(), `HEAD ${path}`)).toMatchObject({ status: 401, body: "" });
      });
    },
  );

  describe("an enum value", () => {
    test.each<[value: unknown, expected: string, why: string]>([
      ["CLIENT", "CLIENT", "the short name"],
      ["client", "CLIENT", "in lower case"],
      ["cLiEnT", "CLIENT", "mixed"],
      ["USER_TYPE_CLIENT", "CLIENT", "the long name"],
      ["user_type_Developer", "DEVELOPER", "the long name in any case"],
      [1, "CLIENT", "the number"],
      ["2", "DEVELOPER", "the number as a string"],
    ])("user_type %j is %s: %s", async (user_type, expected) => {
      const body = { ...accountBody(), user_type };
      const answer = await call(url(), "POST /api/v1/auth/register", { body });
      expect([answer.status, answer.body.user?.user_type]).toEqual([201, expected]);
    });

    test.each([
      ["IDLE", "IDLE"],
      ["idle", "IDLE"],
      ["Searching", "SEARCHING"],
      ["USER_PRESENCE_STATUS_IDLE", "IDLE"],
      ["user_presence_status_offline", "OFFLINE"],
      [3, "SEARCHING"],
      ["1", "OFFLINE"],
    ])("presence %j is %s", async (presence, expected) => {
      const { userId, token } = world.developer;
      await setPresence(url(), world.developer, expected === "IDLE" ? "OFFLINE" : "IDLE");
      const request = `PUT /api/v1/users/developers/${userId}/presence`;
      expect((await call(url(), request, { token, body: { presence } })).status).toBe(200);
      const { body } = await call(url(), `GET /api/v1/users/developers/${userId}`, { token });
      expect(body.presence).toBe(expected);
    });

    test.each([
      ["PAUSED", "PAUSED"],
      ["paused", "PAUSED"],
      ["TASK_LIFECYCLE_STATUS_PAUSED", "PAUSED"],
      ["task_lifecycle_status_completed", "COMPLETED"],
      ["In_Progress", "ASSIGNED"],
      [5, "CANCELLED"],
      ["3", "PAUSED"],
    ])("status %j is %s, in a body and in a query", async (status, expected) => {
      const owner = await register(url(), "CLIENT");
      const taskId = await newTask(url(), owner);
      const { token } = owner;
      expect((await call(url(), `PUT /api/v1/tasks/${taskId}`, { token, body: { status } })).status).toBe(200);
      const { body } = await call(url(), `GET /api/v1/tasks?status=${status}`, { token });
      expect(body).toMatchObject([{ task_id: taskId, status: expected }]);
      expect((await call(url(), "GET /api/v1/tasks?status=OPEN", { token })).body).toEqual([]);
    });
  });

  describe("a name", () => {
    test("of a member may be camelCase or as in the contract", async () => {
      const sent = { ...accountBody(), user_type: undefined, display_name: undefined };
      const body = { ...sent, displayName: "Camel", userType: "CLIENT" };
      const answer = await call(url(), "POST /api/v1/auth/register", { body });
      expect(answer.status).toBe(201);
      expect(answer.body.user, "answers are snake_case").toMatchObject({ display_name: "Camel" });
    });

    test("of a member may not stand there in both spellings", async () => {
      const body = { ...accountBody(), displayName: "Camel" };
      await expectRefusal(url(), "POST /api/v1/auth/register", { body }, invalid("display_name"));
    });

    test("of a query parameter may be camelCase, and may not be sent in both spellings", async () => {
      const { token, userId } = world.client;
      expect((await call(url(), `GET /api/v1/tasks?clientId=${userId}`, { token })).status).toBe(200);
      const both = `GET /api/v1/tasks?clientId=${userId}&client_id=${userId}`;
      await expectRefusal(url(), both, { token }, invalid("client_id"));
    });

    test.each([
      ["limit=1&limit=1", "limit", "a parameter that does not repeat, twice"],
      ["limit[]=1", "limit[]", "brackets on one that does not repeat"],
      ["status[]=OPEN", "status[]", "brackets on an enum"],
      ["skill_tags[0]=a", "skill_tags[0]", "an index is no spelling"],
      ["Limit=1", "Limit", "names have a letter case"],
      ["total_count=1", "total_count", "a field of the answer"],
      ["=1", "=", "no name at all"],
    ])("%s is refused for %s: %s", async (query, field) => {
      await expectRefusal(url(), `GET /api/v1/tasks?${query}`, { token: world.client.token }, invalid(field));
    });
  });

  describe("a body", () => {
    test("that is empty counts as {} and needs no content type", async () => {
      const rows = [
        ["POST /api/v1/auth/login", invalid("email", "password")],
        ["POST /api/v1/tasks", invalid("title", "skill_tags", "budget_lower_bound", "budget_upper_bound")],
        [`PUT /api/v1/tasks/${world.taskId}`, invalid("")],
      ] as const;
      for (const [request, refusal] of rows) {
        for (const body of [undefined, "", "{}"]) {
          await expectRefusal(url(), request, { token: world.client.token, body }, refusal, `${request} ${body}`);
        }
        const headers = { "content-type": "text/plain" };
        await expectRefusal(url(), request, { token: world.client.token, headers }, refusal, "any type will do");
      }
      for (const options of [{}, { body: "" }, { body: "{}" }]) {
        const { token } = await register(url(), "CLIENT");
        expect((await call(url(), "POST /api/v1/auth/logout", { token, ...options })).status).toBe(200);
      }
    });

    test("may have white space around it, a byte order mark, and escapes for any character", async () => {
      const { token } = world.client;
      const json = JSON.stringify(taskBody());
      const escaped = json.replaceAll(/[a-z]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
      for (const body of [` \n\t${json}\r\n `, `\uFEFF${json}`, escaped]) {
        const answer = await call(url(), "POST /api/v1/tasks", { token, body });
        expect([answer.status, answer.body.title], body).toEqual([201, taskBody().title]);
      }
    });

    test("may write a number in every way that JSON or ProtoJSON has", async () => {
      const { token } = world.client;
      const numbers = ["7", "7.0", "70e-1", "0.7E1", '"7"', '"7.0"'];
      for (const number of numbers) {
        const rest = JSON.stringify({ title: "t", skill_tags: ["s"], budget_lower_bound: 0 }).slice(1, -1);
        const body = `{${rest},"budget_upper_bound":${number},"priority":${number}}`;
        const answer = await call(url(), "POST /api/v1/tasks", { token, body });
        expect([answer.status, answer.body.budget_upper_bound], number).toEqual([201, 7]);
      }
      for (const limit of ["1", "1.0", "1e0"]) {
        expect((await call(url(), `GET /api/v1/tasks?limit=${limit}`, { token })).body, limit).toHaveLength(1);
      }
    });
  });

  describe("an id in a path", () => {
    test("may be percent-encoded, once", async () => {
      const { token } = world.client;
      const encoded = [...world.taskId].map((char) => `%${char.charCodeAt(0).toString(16)}`).join("");
      expect((await call(url(), `GET /api/v1/tasks/${encoded}`, { token })).body.task_id).toBe(world.taskId);
      const twice = encoded.replaceAll("%", "%25");
      await expectRefusal(url(), `GET /api/v1/tasks/${twice}`, { token }, invalid("task_id"));
    });

    test.each([
      ["a%2Fb", "an encoded slash is data, and no id has one"],
      ["%2F", "nothing but an encoded slash"],
      ["..%2Fme", "nor does it lead elsewhere"],
      ["a%00b", "a control character"],
      ["a%20b", "a space"],
      ["a+b", "a plus is a plus"],
      ["%2Da", "it begins with a letter or digit"],
      ["%C3%A9", "other letters than ASCII's"],
      ["%", "malformed percent-encoding"],
      ["%zz", "malformed percent-encoding"],
      ["%C3", "half a character"],
      ["%ED%A0%80", "a lone surrogate"],
      ["a".repeat(129), "one character too many"],
      ["x%3Fy%23z", "an encoded ? and #"],
    ])("%s is 400, after nobody has read it as something else: %s", async (id) => {
      const { client, admin } = world;
      await expectRefusal(url(), `GET /api/v1/tasks/${id}`, { token: client.token }, invalid("task_id"));
      await expectRefusal(url(), `DELETE /api/v1/tasks/${id}/`, { token: client.token }, invalid("task_id"));
      const recommendations = `GET /api/v1/matching/recommendations/${id}`;
      await expectRefusal(url(), recommendations, { token: client.token }, invalid("task_id"));
      await expectRefusal(url(), `GET /api/v1/users/developers/${id}`, { token: client.token }, invalid("user_id"));
      const presence = { token: admin.token, body: { presence: "IDLE" } };
      await expectRefusal(url(), `PUT /api/v1/users/developers/${id}/presence`, presence, invalid("user_id"));
    });

    test.each(["a:b", "a:start", "1", "A.b_c:d-e", "a..", "z".repeat(128)])(
      "%s is one, though nobody has it",
      async (id) => {
        await expectRefusal(url(), `GET /api/v1/tasks/${id}`, { token: world.client.token }, NOT_FOUND);
      },
    );

    test("does not hide the route beside it", async () => {
      const { token } = await newDeveloper(url());
      expect((await call(url(), "GET /api/v1/users/me", { token })).body).toHaveProperty("developer_profile");
      await expectRefusal(url(), "GET /api/v1/users/developers/me", { token }, NOT_FOUND);
    });
  });

  describe("a page in a browser", () => {
    const ORIGIN = "http://localhost:3000";
    const preflight = (request: string, headers: Record<string, string> = {}) => {
      const [method, path] = request.split(" ") as [string, string];
      const asks = { origin: ORIGIN, "access-control-request-method": method, ...headers };
      return call(url(), `OPTIONS ${path}`, { headers: asks });
    };

    test.each(REST_ROUTES.map(({ route }) => route))("is let through to %s by the preflight", async (route) => {
      const { path } = await routeNamed(route).ready(world);
      const method = route.split(" ")[0]!;
      const asked = { "access-control-request-headers": "authorization,content-type,x-request-id" };
      const { status, headers, body } = await preflight(`${method} ${path}`, asked);
      expect([status, body]).toEqual([204, ""]);
      expect(headers.get("access-control-allow-origin")).toBe(ORIGIN);
      expect(headers.get("access-control-allow-methods")!.split(", ")).toContain(method);
      const allowed = headers.get("access-control-allow-headers")!.toLowerCase().split(", ");
      expect(allowed).toEqual(expect.arrayContaining(["authorization", "content-type", "x-request-id"]));
      expect(headers.get("access-control-max-age")).toBe("600");
      expect(headers.has("access-control-allow-credentials"), "tokens travel in a header").toBe(false);
      expect(headers.get("vary")).toMatch(/\bOrigin\b/i);
    });

    test("of another origin is told nothing", async () => {
      const { headers } = await preflight("GET /api/v1/auth/me", { origin: "https://evil.example" });
      for (const name of ["origin", "methods", "headers"]) {
        expect(headers.has(`access-control-allow-${name}`), name).toBe(false);
      }
      for (const origin of ["https://evil.example", "null", "http://localhost:3001", "http://localhost.evil.example"]) {
        const answer = await call(url(), "GET /api/v1/auth/me", { headers: { origin }, token: world.client.token });
        expect(answer.headers.has("access-control-allow-origin"), origin).toBe(false);
      }
    });

    test.each([
      ["http://localhost:3000", "today's web client"],
      ["http://localhost:5173", "Vite's"],
      ["http://localhost", "behind a proxy"],
    ])("of %s may read answers, refusals included, and their headers: %s", async (origin) => {
      const { token } = world.client;
      const answers = [
        await call(url(), "GET /api/v1/tasks", { headers: { origin }, token }),
        await expectRefusal(url(), "GET /api/v1/tasks", { headers: { origin } }, UNAUTHENTICATED),
        await expectRefusal(url(), "GET /api/v1/nothing", { headers: { origin } }, NOT_FOUND),
      ];
      for (const { headers } of answers) {
        expect(headers.get("access-control-allow-origin")).toBe(origin);
        const exposed = headers.get("access-control-expose-headers")!.toLowerCase().split(", ");
        const named = ["x-request-id", "x-total-count", "link", "etag", "retry-after"];
        expect(exposed).toEqual(expect.arrayContaining(named));
        expect(headers.get("vary")).toMatch(/\bOrigin\b/i);
      }
    });
  });
}

/** What two answers to the same call have in common: everything but ids, tokens and times. */
function shapeOf({ status, headers, body }: Answer): unknown {
  const plain = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value === "object" && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
    }
    return typeof value;
  };
  const names = ["content-type", "cache-control", "x-total-count", "location"];
  return { status, headers: names.map((name) => headers.get(name)), body: plain(body) };
}
