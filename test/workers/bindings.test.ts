import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { missingObjects, variablesOf } from "../../src/workers/bindings.ts";

test("variables are what is text, and what wrangler.toml writes as a number or a boolean", () => {
  const bindings = { LOG_LEVEL: "debug", UPSTREAM_TIMEOUT: 0.5, MAX_BODY_BYTES: 1000, FLAG: true, EMPTY: "" };
  expect(variablesOf({ ...env, ...bindings })).toMatchObject({
    LOG_LEVEL: "debug",
    UPSTREAM_TIMEOUT: "0.5",
    MAX_BODY_BYTES: "1000",
    FLAG: "true",
    EMPTY: "",
  });
});

test("the Durable Objects are no variables", () => {
  expect(variablesOf(env)).not.toHaveProperty("CIRCUIT_BREAKERS");
  expect(variablesOf(env)).not.toHaveProperty("METRICS_TOTALS");
});

test("a list or a table where text belongs is an error that names all of them and no value", () => {
  const wrong = () =>
    variablesOf({ CORS_ORIGINS: ["https://secret.example"], LIMITS: { a: "secret" }, LOG_LEVEL: "info" });
  expect(wrong).toThrow("CORS_ORIGINS must be text");
  expect(wrong).toThrow("LIMITS must be text");
  expect(wrong).not.toThrow("secret");
});

test.each([
  ["all", { ...env }, []],
  ["none", {}, ["CIRCUIT_BREAKERS", "METRICS_TOTALS"]],
  ["text in an object's place", { ...env, METRICS_TOTALS: "text" as never }, ["METRICS_TOTALS"]],
])("missing of %s", (_what, bindings, missing) => {
  expect(missingObjects(bindings)).toEqual(missing);
});
