import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { call } from "../support/gateway-under-test.ts";
import { ANY_PORTS, type StartedProgram, startProgram } from "../support/started-program.ts";
import { readmeBlock, readmeBlocks } from "./read-blocks.ts";

const ROOT = process.cwd();
/** What the steps read or write. */
const COPIED = [
  "buf.yaml",
  "buf.gen.yaml",
  "package.json",
  "tsconfig.json",
  "tsconfig.workers.json",
  "vitest.config.ts",
  "wrangler.toml",
];
const COPIED_FOLDERS = ["proto", "src", "platform", "test", "scripts"];

let copy: string;
let started: StartedProgram | undefined;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "readme-"));
  for (const name of [...COPIED, ...COPIED_FOLDERS]) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
});

afterAll(async () => {
  await started?.kill();
  rmSync(copy, { recursive: true, force: true });
});

test("the README's steps add an endpoint that works", { timeout: 180_000 }, async () => {
  insertAfter("proto/gateway/v1/tasks.proto", "service TasksService {", readmeBlock("rpc"));
  append("proto/gateway/v1/tasks.proto", readmeBlock("messages"));
  const [generate, check] = readmeBlocks().filter(({ tag }) => tag === "endpoint");
  runShell(generate!.text);
  expect(shell("npm run check:types").output, "the compiler says that it is missing").toContain("getTaskSummary");
  insertAfter("src/services/tasks.ts", "  return {", readmeBlock("method"));
  runShell(check!.text);

  const url = await startCopy();
  const credentials = { email: "nora@demo.devmatch.example", password: "DevMatch-demo-1" };
  const session = await call(url, "POST /api/v1/auth/login", { body: credentials });
  const path = "/api/v1/tasks/tsk_demo_gateway/summary";
  const answer = await call(url, `GET ${path}`, { token: session.body.access_token });

  expect(answer.body).toEqual({ summary: "gRPC gateway in Go (go, grpc)" });
  expect((await call(url, `GET ${path}`)).status, "the guards are there").toBe(401);
  expect((await call(url, "GET /metrics")).body).toContain('route="/api/v1/tasks/{task_id}/summary"');
});

function insertAfter(file: string, line: string, text: string): void {
  edit(file, (content) => {
    expect(content).toContain(`${line}\n`);
    return content.replace(`${line}\n`, () => `${line}\n${text}\n`);
  });
}

function append(file: string, text: string): void {
  edit(file, (content) => `${content}\n${text}`);
}

function edit(file: string, change: (content: string) => string): void {
  const path = join(copy, file);
  writeFileSync(path, change(readFileSync(path, "utf8")));
}

function runShell(script: string): void {
  const { status, output } = shell(script);
  expect(status, output).toBe(0);
}

function shell(script: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync("sh", ["-eu", "-c", script], { cwd: copy, encoding: "utf8" });
  return { status, output: stdout + stderr };
}

/** Starts what `npm start` starts and answers where the gateway listens. */
async function startCopy(): Promise<string> {
  started = startProgram(["npm", "start"], { cwd: copy, env: ANY_PORTS });
  await started.untilSaid(/Try:/);
  return (await started.untilSaid(/ gateway +(http:\S+)/))[1]!;
}
