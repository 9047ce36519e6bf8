import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { call, register } from "../support/gateway-under-test.ts";
import { ANY_PORTS, type StartedProgram, startProgram } from "../support/started-program.ts";

let program: StartedProgram | undefined;
afterEach(async () => {
  await program?.kill();
});

/** `npm run dev:workers` as a developer types it. A developer's own .dev.vars would be read, so there must be none. */
function start(env: Readonly<Record<string, string>> = {}): StartedProgram {
  expect(existsSync(".dev.vars"), "these tests need a folder without .dev.vars").toBe(false);
  program = startProgram(["npm", "run", "dev:workers"], { env: { ...ANY_PORTS, ...env } });
  return program;
}

test("npm run dev:workers: the Worker in front of the stand-in, a command to paste, and an end that leaves nothing behind", async () => {
  const { untilSaid, stderr, stdout, terminate } = start();
  const command = (await untilSaid(/Try:\n\n {2}(.+)\n/))[1]!;
  const [, url = ""] = await untilSaid(/ gateway +(http:\S+)/);
  expect(stderr()).toMatch(/JWT_SECRET +made up for this run/);

  const client = await register(url, "CLIENT");
  const body = { title: "At the edge", skill_tags: ["workers"], budget_lower_bound: 1, budget_upper_bound: 2 };
  expect((await call(url, "POST /api/v1/tasks", { token: client.token, body })).status).toBe(201);
  expect((await call(url, "GET /health/detailed")).body.status).toBe("healthy");
  expect(spawnSync("sh", ["-c", command], { encoding: "utf8" }).stdout).toContain('"access_token"');

  const addresses = new Set([url, ...stderr().match(/http:\/\/127\.0\.0\.1:\d+/g)!]);
  expect(addresses.size, "the Worker and five services").toBe(6);
  expect(await terminate(), "npm is told, and its exit code is the program's").toBe(0);
  for (const address of addresses) await expect(fetch(address), `${address} listens no more`).rejects.toThrow();
  expect(stdout(), "the Worker's log comes through").toContain('"route":"/api/v1/tasks"');
  expect(stdout()).toContain('"message":"stopped","finished":true');
});

test("it can be stopped before it is ready", async () => {
  const { untilSaid, stdout, terminate } = start({ PLATFORM_SEED: "" });
  await untilSaid(/wrangler builds the Worker/);
  expect(await terminate()).toBe(0);
  expect(stdout()).toContain('"message":"stopped","finished":true');
});

test("a wrong variable stops it with one message that names it, before anything is started", async () => {
  const { untilSaid } = start({ GATEWAY_PORT: "hunter2" });
  await expect(untilSaid(/never said/)).rejects.toThrow(/GATEWAY_PORT must be a whole number/);
});
