import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { type Config, loadConfig } from "#src/config.ts";
import { WORKERS_ABILITIES } from "#src/workers/abilities.ts";
import { OBJECT_BINDINGS } from "#src/workers/object-bindings.ts";
import { MADE_UP_SECRET, readVariables } from "../support/read-variables.ts";
import { readWranglerConfig, type WranglerConfig } from "../support/wrangler-config.ts";
import { readTracked } from "./tracked-files.ts";

const ENVIRONMENTS = [undefined, "staging", "production"] as const;
const DEPLOYED = ["staging", "production"] as const;
const text = readTracked("wrangler.toml");

/** What a process has and a Worker has not. */
const NODE_ONLY = ["GATEWAY_HOST", "GATEWAY_PORT", "REDIS_URL", "SHUTDOWN_DELAY", "SHUTDOWN_GRACE", "TRUSTED_PROXIES"];

/** `# NAME = "default"` */
const documented = new Map([...text.matchAll(/^# ([A-Z_]+) = "(.*)"$/gm)].map(([, name, value]) => [name!, value!]));
/** `# secret NAME: what it is for` */
const secrets = [...text.matchAll(/^# secret ([A-Z_]+): \S/gm)].map(([, name]) => name!);

describe.each(ENVIRONMENTS)("wrangler.toml, environment %s:", (env) => {
  const config = readWranglerConfig(env);

  test("binds the objects that the code asks for, and no other", () => {
    const names = config.durable_objects.bindings.map(({ name }) => name);
    expect(names.toSorted()).toEqual(OBJECT_BINDINGS.toSorted());
  });

  test("names classes that the entry exports, each in a migration, with SQLite", () => {
    const classes = config.durable_objects.bindings.map(({ class_name }) => class_name);
    const exported = [...readTracked(config.main.replace(/^.*(?=src\/workers)/, "")).matchAll(/^export \{ (\w+) \}/gm)];
    expect(classes.toSorted()).toEqual(exported.map(([, name]) => name).toSorted());
    expect(config.migrations.flatMap(({ new_sqlite_classes = [] }) => new_sqlite_classes).toSorted()).toEqual(
      classes.toSorted(),
    );
  });

  test("sets variables that the gateway reads, to values that it takes", () => {
    const read = readVariables(WORKERS_ABILITIES);
    for (const name of Object.keys(config.vars)) expect([...read]).toContain(name);
    expect(() => loadAll(config)).not.toThrow();
  });

  test("has no secret in it", () => {
    expect(Object.keys(config.vars).filter((name) => secrets.includes(name))).toEqual([]);
  });

  test("keeps logs, uploads source maps, is minified, and hears of clients that leave", () => {
    expect(config).toMatchObject({ observability: { enabled: true }, upload_source_maps: true, minify: true });
    expect(config.compatibility_flags).toContain("enable_request_signal");
  });

  test("asks for no newer runtime than wrangler brings", () => {
    // 1.20261023.1 is of 23 October 2026.
    const require = createRequire(createRequire(import.meta.url).resolve("wrangler"));
    const { version } = JSON.parse(readFileSync(require.resolve("workerd/package.json"), "utf8"));
    const [, year, month, day] = /^\d+\.(\d{4})(\d\d)(\d\d)\./.exec(version)!;
    expect(config.compatibility_date <= `${year}-${month}-${day}`).toBe(true);
  });
});

describe("wrangler.toml", () => {
  test("names every variable and secret that the gateway reads on Workers, and no other", () => {
    const onWorkers = [...readVariables(WORKERS_ABILITIES)].filter((name) => !NODE_ONLY.includes(name));
    expect([...documented.keys(), ...secrets].toSorted()).toEqual(onWorkers.toSorted());
  });

  test("names the secrets that docs/workers.md does", () => {
    const page = readTracked("docs/workers.md");
    const table = page.slice(page.indexOf("| secret |"), page.indexOf("Everything else is a variable"));
    const cells = [...table.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell]) => [...cell!.matchAll(/`([A-Z_]+)`/g)]);
    expect(secrets.toSorted()).toEqual(cells.map(([, name]) => name).toSorted());
  });

  test.each(DEPLOYED)(
    "requires of %s the secrets that docs/workers.md writes, as JSON, which no .env overrides",
    (env) => {
      const [, file = ""] = /<<END\n([\s\S]*?)\n +END$/m.exec(readTracked("docs/workers.md")) ?? [];
      expect(Object.keys(JSON.parse(file)).toSorted()).toEqual(readWranglerConfig(env).secrets?.required?.toSorted());
    },
  );

  test("says of the others that they are Node's", () => {
    const [, named = ""] = /^# What a Node process has and a Worker has not: ([^.]*)\./m.exec(text) ?? [];
    expect(named.split(/,\s+(?:# )?/)).toEqual(NODE_ONLY);
  });

  test("gives the defaults that are true", () => {
    const secret = { JWT_SECRET: MADE_UP_SECRET };
    expect(loadConfig({ ...secret, ...Object.fromEntries(documented) }, WORKERS_ABILITIES)).toEqual(
      loadConfig(secret, WORKERS_ABILITIES),
    );
  });

  test("has a comment with a reason before every variable, or before its group", () => {
    const lines = text.split("\n");
    const bare = lines.filter((line, index) => /^# [A-Z_]+ = "/.test(line) && !/^# /.test(lines[index - 1] ?? ""));
    expect(bare).toEqual([]);
  });

  test.each(DEPLOYED)("refuses a deployment to %s without the secrets that it cannot do without", (env) => {
    const required = readWranglerConfig(env).secrets?.required ?? [];
    expect(required).toEqual(expect.arrayContaining(["JWT_SECRET", "BRIDGE_SECRET", "UPSTASH_REDIS_REST_TOKEN"]));
    expect(secrets).toEqual(expect.arrayContaining([...required]));
  });

  test.each(DEPLOYED)("looks for the services of %s on no laptop", (env) => {
    const config = loadAll(readWranglerConfig(env));
    const urls = [...Object.values(config.services).map(({ url }) => url), config.presenceUrl];
    for (const url of [...urls, ...config.corsOrigins]) expect(url).toMatch(/^https:\/\//);
  });
});

/** The configuration of an environment, with its secrets set. */
function loadAll({ vars, secrets }: WranglerConfig): Config {
  const given = Object.fromEntries((secrets?.required ?? []).map((name) => [name, MADE_UP_SECRET]));
  return loadConfig({ JWT_SECRET: MADE_UP_SECRET, ...given, ...(vars as Record<string, string>) }, WORKERS_ABILITIES);
}
