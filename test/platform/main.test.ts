import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { serviceNames } from "#platform/platform.ts";
import { services } from "#platform/services.ts";

const anyPorts = Object.fromEntries(serviceNames.map((name) => [services[name].portVariable, "0"]));

/** Runs the program as `npm run platform` does, with an environment of its own. */
function run(args: string[], env: Record<string, string> = {}) {
  const main = new URL("../../platform/main.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [main, ...args], { env: { ...anyPorts, ...env } });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const output = { out: "", err: "" };
  child.stdout.on("data", (chunk) => (output.out += chunk));
  child.stderr.on("data", (chunk) => (output.err += chunk));
  return { child, output, exit: once(child, "close") };
}

/** Waits until the program has said that it runs. */
async function running({ child, output }: { child: ChildProcess; output: { err: string } }): Promise<void> {
  while (!output.err.includes("administrator")) await once(child.stderr!, "data");
}

test.each(["SIGINT", "SIGTERM"] as const)("the program runs until %s, and ends with 0", async (signal) => {
  const program = run(["--seed"]);
  await running(program);
  const [, url] = /user-service\s+(\S+)/.exec(program.output.err)!;
  const [, email, password] = /administrator\s+(\S+)\s+password (\S+)/.exec(program.output.err)!;
  const answer = await fetch(`${url}/platform.users.v1.UserService/AuthenticateUser`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password }),
  });
  expect(await answer.json()).toMatchObject({ user: { userType: "USER_TYPE_ADMIN" } });
  program.child.kill(signal);
  expect(await program.exit).toEqual([0, null]);
  // Standard output is for machines: whatever it says, it says in JSON, and never a password.
  const lines = program.output.out.trim().split("\n");
  expect(lines.map((line) => JSON.parse(line).code)).toEqual(["OK"]);
  expect(program.output.out).not.toContain(password);
});

test("a password that was chosen is not shown", async () => {
  const program = run([], { PLATFORM_ADMIN_EMAIL: "boss@test.example", PLATFORM_ADMIN_PASSWORD: "Correct-horse-1" });
  await running(program);
  expect(program.output.err).toContain("boss@test.example");
  expect(program.output.err).not.toContain("Correct-horse-1");
});

test.each<[what: string, args: string[], env: Record<string, string>, message: RegExp]>([
  [
    "wrong variables",
    [],
    { PLATFORM_SEED: "x", LOG_LEVEL: "y" },
    /^platform: PLATFORM_SEED must be .*; LOG_LEVEL .*\n$/,
  ],
  ["an unknown flag", ["--sed"], {}, /^platform: Unknown option '--sed'.*Usage: /s],
  ["no file", [], { PLATFORM_DB: "/no/such/folder/x.db" }, /^platform: the database file .+ cannot be used.*\n$/],
])("%s end the program with 1 and say why", async (_what, args, env, message) => {
  const { output, exit } = run(args, env);
  expect(await exit).toEqual([1, null]);
  expect(output.err.replace(/^\(node:\d+\) ExperimentalWarning[^\n]*\n\([^\n]*\n/, "")).toMatch(message);
  expect(output.out).toBe("");
});

test("--help tells the usage", async () => {
  const { output, exit } = run(["--help"]);
  expect(await exit).toEqual([0, null]);
  expect(output.err).toContain("Usage: npm run platform");
});
