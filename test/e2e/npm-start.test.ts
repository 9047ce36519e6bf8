import { spawnSync } from "node:child_process";
import { afterEach, expect, test } from "vitest";
import { call, register } from "../support/gateway-under-test.ts";
import { ANY_PORTS, type StartedProgram, startProgram } from "../support/started-program.ts";

const hasCurl = spawnSync("curl", ["--version"]).status === 0;
let program: StartedProgram | undefined;
afterEach(async () => {
  await program?.kill();
});

/** `npm start` as a user types it, without the demo: an empty platform. */
async function npmStart(env: Readonly<Record<string, string>> = {}): Promise<string> {
  program = startProgram(["npm", "start"], { env: { ...ANY_PORTS, PLATFORM_SEED: "", ...env } });
  await program.untilSaid(/Try:\n\n {2}.+\n/);
  return (await program.untilSaid(/ gateway +(http:\S+)/))[1]!;
}

test("the story of a client and a developer, from npm start to SIGTERM", async () => {
  const url = await npmStart();
  const client = await register(url, "CLIENT");
  const developer = await register(url, "DEVELOPER");
  const profile = {
    display_name: "Dana",
    email: developer.email,
    skill_tags: ["typescript", "grpc"],
    hourly_rate: 80,
  };
  const me = { token: developer.token };
  expect((await call(url, "POST /api/v1/users/developers", { ...me, body: profile })).status).toBe(201);
  const presence = `PUT /api/v1/users/developers/${developer.userId}/presence`;
  expect((await call(url, presence, { ...me, body: { presence: "SEARCHING" } })).status).toBe(200);

  // Somebody who fits less well, so that being on top means something.
  const other = await register(url, "DEVELOPER");
  const otherProfile = { ...profile, email: other.email, skill_tags: ["typescript"], hourly_rate: 140 };
  await call(url, "POST /api/v1/users/developers", { token: other.token, body: otherProfile });
  const otherPresence = `PUT /api/v1/users/developers/${other.userId}/presence`;
  await call(url, otherPresence, { token: other.token, body: { presence: "IDLE" } });

  const token = client.token;
  const body = {
    title: "Gateway",
    skill_tags: ["typescript", "grpc"],
    budget_lower_bound: 60,
    budget_upper_bound: 150,
  };
  const created = await call(url, "POST /api/v1/tasks", { token, body });
  expect(created.status).toBe(201);
  const task = `/api/v1/tasks/${created.body.task_id}`;

  const recommended = await call(url, `GET /api/v1/matching/recommendations/${created.body.task_id}`, { token });
  expect(recommended.body.candidates.map(({ user_id }: { user_id: string }) => user_id)).toEqual([
    developer.userId,
    other.userId,
  ]);

  expect((await call(url, `PUT ${task}`, { token, body: { title: "A gateway" } })).status).toBe(200);
  expect((await call(url, `GET ${task}`, { token })).body).toMatchObject({ ...body, title: "A gateway" });
  expect((await call(url, `DELETE ${task}`, { token })).status).toBe(200);
  expect((await call(url, `GET ${task}`, { token })).status).toBe(404);

  for (const person of [client, developer]) {
    expect((await call(url, "POST /api/v1/auth/logout", { token: person.token })).status).toBe(200);
    expect((await call(url, "GET /api/v1/auth/me", { token: person.token })).status).toBe(401);
    const refresh = { refresh_token: person.refreshToken };
    expect((await call(url, "POST /api/v1/auth/refresh", { body: refresh })).status).toBe(401);
  }

  const addresses = program!.stderr().match(/http:\/\/127\.0\.0\.1:\d+/g)!;
  expect(new Set(addresses).size, "the gateway and five services").toBe(6);
  expect(await program!.terminate(), "npm is told, and its exit code is the program's").toBe(0);
  for (const address of addresses) await expect(fetch(address), `${address} listens no more`).rejects.toThrow();
  // npm says first what it runs; everything after that is the log.
  const log = program!
    .stdout()
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("> "));
  for (const line of log) expect(() => JSON.parse(line), line).not.toThrow();
  expect(log.length).toBeGreaterThan(10);
  expect(JSON.parse(log.at(-1)!), "all that was running could finish").toMatchObject({
    message: "stopped",
    finished: true,
  });
});

test.skipIf(!hasCurl)("the command that npm start prints works as it stands, with and without the demo", async () => {
  for (const [seed, expected] of [
    ["demo", '"access_token"'],
    ["", '"status":"healthy"'],
  ] as const) {
    await npmStart({ PLATFORM_SEED: seed });
    const command = (await program!.untilSaid(/Try:\n\n {2}(.+)\n/))[1]!;
    expect(spawnSync("sh", ["-c", command], { encoding: "utf8" }).stdout).toContain(expected);
    await program!.end();
  }
});

test("a service's address in the environment replaces the stand-in's part", async () => {
  const elsewhere = "http://127.0.0.1:9";
  const url = await npmStart({ RECOMMENDATION_SERVICE_URL: elsewhere });

  expect(program!.stderr()).toContain(`${elsewhere}  (yours)`);
  const { body } = await call(url, "GET /health/detailed");
  expect(body.services).toMatchObject({ "user-service": "healthy", "recommendation-service": "unhealthy" });
});

test("a wrong variable stops npm start with one message that names it", async () => {
  program = startProgram(["npm", "start"], { env: { ...ANY_PORTS, UPSTREAM_TIMEOUT: "soon", LOG_LEVEL: "info" } });
  await expect(program.untilSaid(/never said/)).rejects.toThrow(/UPSTREAM_TIMEOUT must be a number of seconds/);
});
