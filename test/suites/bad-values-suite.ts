import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, call } from "../support/gateway-under-test.ts";
import { expectProblem, expectRefusal, fieldsOf, invalid } from "../support/problems.ts";
import { createWorld, methodOf, REST_ROUTES, type RestRoute, routeNamed, type World } from "../support/rest-routes.ts";
import { BODY_FIELDS, type BodyField, QUERY_PARAMETERS, WRONG_JSON } from "../support/wrong-values.ts";
import type { Target } from "./suite-target.ts";

/** For every route with input: each field with each kind of wrong value, alone and all at once. */
export function badValuesSuite(target: Target): void {
  const url = () => target().url;
  let world: World;
  beforeAll(async () => {
    world = await createWorld(url());
  });
  /** What the caller's role and path do not decide is decided by validation: ADMIN passes 7 and 8 for any id. */
  const tokenFor = (row: RestRoute, token: string | undefined) =>
    row.route.includes("{user_id}") && methodOf(row) === "PUT" ? world.admin.token : token;

  describe.each(Object.keys(BODY_FIELDS))("the body of %s", (route) => {
    const row = routeNamed(route);
    const fields = BODY_FIELDS[route]!;
    const method = methodOf(row);

    test("has the fields of this table, or the table is not about it", async () => {
      const { body = {} } = await row.ready(world);
      expect(Object.keys(body).filter((name) => !fields.some((field) => field.name === name))).toEqual([]);
    });

    test.each(fields.map((field) => [field.name, field] as const))(
      "refuses what is wrong for %s",
      async (_name, field) => {
        const { path, token, body = {} } = await row.ready(world);
        for (const [value, why] of wrongValues(field)) {
          const request = `${method} ${path}`;
          const answer = await call(url(), request, { token, body: jsonWith(body, { [field.name]: value }) });
          expectAbout(field, answer, `${field.name}: ${value.slice(0, 60)}, ${why}`);
          expectProblem(url(), request, answer);
        }
      },
    );

    test("names everything at once that is wrong with it", async () => {
      const { path, token, body = {} } = await row.ready(world);
      // A wrong type, which no rule can add to: every field is named once.
      const wrong = Object.fromEntries(fields.map(({ name, kind }) => [name, kind === "bool" ? "1" : "true"]));
      const withUnknown = { ...wrong, no_such: "1", constructor: "2", ["__proto__"]: "3" };
      const names = fields.map(({ name }) => name);
      const options = { token, body: jsonWith(body, withUnknown) };
      const expected = [...names, "no_such", "constructor", "__proto__", "x", "y[]"];
      await expectRefusal(url(), `${method} ${path}?x=1&y[]=2`, options, invalid(...expected));
    });

    const required = fields.filter((field) => field.required).map(({ name }) => name);
    if (required.length > 0)
      test("names everything that is missing, alone and together, and null is missing", async () => {
        const { path, token, body = {} } = await row.ready(world);
        const request = `${method} ${path}`;
        await expectRefusal(url(), request, { token, body: "{}" }, invalid(...required));
        const nulls = Object.fromEntries(required.map((name) => [name, "null"]));
        await expectRefusal(url(), request, { token, body: jsonWith({}, nulls) }, invalid(...required));
        for (const name of required) {
          const { [name]: _, ...others } = body as Record<string, unknown>;
          await expectRefusal(url(), request, { token, body: others }, invalid(name));
          await expectRefusal(url(), request, { token, body: { ...others, [name]: null } }, invalid(name));
        }
      });
  });

  describe.each(Object.keys(QUERY_PARAMETERS))("the query of %s", (route) => {
    const row = routeNamed(route);
    const parameters = QUERY_PARAMETERS[route]!;

    test.each(parameters.map((each) => [each.name, each] as const))(
      "refuses what is wrong for %s",
      async (_name, parameter) => {
        const { path, token } = await row.ready(world);
        for (const [value, why] of parameter.wrong) {
          const request = `GET ${path}?${parameter.name}=${value}`;
          const answer = await call(url(), request, { token });
          expectAbout(parameter, answer, `${parameter.name}=${value.slice(0, 60)}, ${why}`);
          expectProblem(url(), request, answer);
        }
      },
    );

    test("names everything at once that is wrong with it", async () => {
      const { path, token } = await row.ready(world);
      const pairs = parameters.map(({ name, wrong }) => `${name}=${wrong.at(-1)![0]}`);
      const names = parameters.map(({ name, repeats }) => (repeats ? `${name}[0]` : name));
      const request = `GET ${path}?no_such=1&${pairs.join("&")}&limit[]=3&%zz=4`;
      await expectRefusal(url(), request, { token }, invalid("no_such", ...names, "limit[]", "%zz"));
    });

    test("refuses a second value for what does not repeat", async () => {
      const { path, token } = await row.ready(world);
      for (const { name, repeats, good = "1" } of parameters) {
        if (repeats) continue;
        const pair = `${name}=${name === "client_id" ? world.client.userId : good}`;
        await expectRefusal(url(), `GET ${path}?${pair}&${pair}`, { token }, invalid(name));
      }
    });

    if (!parameters.some(({ repeats }) => repeats)) return;
    test("takes 50 skill tags and not 51", async () => {
      const { path, token } = await row.ready(world);
      const tags = Array.from({ length: 51 }, (_, index) => `skill_tags=s${index}`);
      await expectRefusal(url(), `GET ${path}?${tags.join("&")}`, { token }, invalid("skill_tags"));
      expect((await call(url(), `GET ${path}?${tags.slice(1).join("&")}`, { token })).status).toBe(200);
    });
  });

  const withId = REST_ROUTES.filter(({ route }) => route.includes("{"));
  test.each(withId.map((row) => [row.route, row] as const))(
    "%s names its path, query and body together",
    async (_name, row) => {
      const { path, token, body } = await row.ready(world);
      const field = idFieldOf(row);
      const badPath = path.replace(`/${idIn(path)}`, "/-bad-");
      const options = { token: tokenFor(row, token), body: body && { ...body, no_such: 1 } };
      const expected = invalid(field, "nor_this", ...(body === undefined ? [] : ["no_such"]));
      await expectRefusal(url(), `${methodOf(row)} ${badPath}?nor_this=1`, options, expected);
    },
  );

  test.each(withId.map((row) => [row.route, row] as const))(
    "%s takes the id from the path alone",
    async (_name, row) => {
      const { path, token, body } = await row.ready(world);
      const field = idFieldOf(row);
      const id = idIn(path);
      for (const spelling of [field, field.replace("_i", "I")]) {
        const request = `${methodOf(row)} ${path}?${spelling}=${id}`;
        const answer = await call(url(), request, { token, body });
        expect([answer.status, answer.body.code], "the same value, too").toEqual([400, "VALIDATION_ERROR"]);
        expectProblem(url(), request, answer);
        if (body === undefined) continue;
        const inBody = { token, body: { ...body, [spelling]: id } };
        const refused = await call(url(), `${methodOf(row)} ${path}`, inBody);
        expect([refused.status, refused.body.code]).toEqual([400, "VALIDATION_ERROR"]);
      }
    },
  );

  const budgets = ["POST /api/v1/tasks", "PUT /api/v1/tasks/{task_id}", "POST /api/v1/matching/score"];
  test.each([...budgets, "POST /api/v1/matching/filter"])("%s demands that the lower bound is lower", async (route) => {
    const { path, token, body } = await routeNamed(route).ready(world);
    for (const [lower, upper] of [
      [100, 60],
      [60, 60],
      [0, 0],
      [1e300, 1],
    ]) {
      const options = { token, body: { ...body, budget_lower_bound: lower, budget_upper_bound: upper } };
      await expectRefusal(url(), `${route.split(" ")[0]} ${path}`, options, invalid("budget_lower_bound"));
    }
  });

  test("a query's lower bound is lower, where there are both", async () => {
    const { token } = world.client;
    const query = "budget_lower_bound=2&budget_upper_bound=1";
    await expectRefusal(url(), `GET /api/v1/users/developers?${query}`, { token }, invalid("budget_lower_bound"));
  });
}

/** The one variable of a route's path, and what a path has in its place. */
const idFieldOf = ({ route }: RestRoute): string => /\{(\w+)\}/.exec(route)![1]!;
const idIn = (path: string): string => /\/(?:developers|tasks|recommendations|proposals)\/([^/]+)/.exec(path)![1]!;

function wrongValues({ kind, wrong = [], required }: BodyField) {
  const missing = [["null", "null is nothing"]] as const;
  return [...WRONG_JSON[kind], ...wrong, ...(required ? missing : [])];
}

/** A refusal about the field, or items of it, and about nothing else. */
function expectAbout({ name, besides }: Pick<BodyField, "name" | "besides">, answer: Answer, why: string): void {
  expect([answer.status, answer.body?.code], why).toEqual([400, "VALIDATION_ERROR"]);
  const fields = fieldsOf(answer)!;
  expect(fields.length, why).toBeGreaterThan(0);
  expect(
    fields.filter((field) => field !== name && field !== besides && !field.startsWith(`${name}[`)),
    why,
  ).toEqual([]);
}

/** The body as JSON text, with members replaced or added whose values are JSON text themselves. */
function jsonWith(body: object, changes: Readonly<Record<string, string>>): string {
  const members = new Map(Object.entries(body).map(([name, value]) => [name, JSON.stringify(value)]));
  for (const [name, value] of Object.entries(changes)) members.set(name, value);
  return `{${[...members].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}
