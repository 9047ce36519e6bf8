import { spawn, spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { readmeBlocks } from "./read-blocks.ts";

const SEPARATOR = "===== next block =====";
const hasCurl = spawnSync("curl", ["--version"]).status === 0;

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.stop());

test.skipIf(!hasCurl)("the README's walk runs as it stands and answers what it shows", async () => {
  const blocks = readmeBlocks();
  const steps = blocks.filter(({ tag }) => tag === "walk");
  const script = steps.map(({ text }) => `${text}\necho; echo "${SEPARATOR}"`).join("\n");

  const answers = (await runShell(script)).split(SEPARATOR).slice(0, -1);

  expect(steps.length).toBeGreaterThan(5);
  expect(answers.length).toBe(steps.length);
  for (const [index, step] of steps.entries()) {
    const shown = blocks[blocks.indexOf(step) + 1];
    expect(shown?.language, step.text).toBe("json");
    expect(JSON.parse(answers[index]!), step.text).toEqual(wildcards(JSON.parse(shown!.text)));
  }
});

/** `…` in what the README shows stands for anything. */
function wildcards(shown: unknown): unknown {
  if (shown === "…") return expect.anything();
  if (Array.isArray(shown)) return shown.map(wildcards);
  if (shown === null || typeof shown !== "object") return shown;
  return Object.fromEntries(Object.entries(shown).map(([key, value]) => [key, wildcards(value)]));
}

/** Not spawnSync: the gateway answers from this very process. */
function runShell(script: string): Promise<string> {
  const shell = spawn("sh", ["-eu"], { env: { ...process.env, GATEWAY: gateway.url } });
  let output = "";
  shell.stdout.on("data", (chunk) => {
    output += chunk;
  });
  shell.stdin.end(script);
  return new Promise((resolve, reject) => {
    shell.on("error", reject);
    shell.on("close", (code) => (code === 0 ? resolve(output) : reject(new Error(`exit ${code} after ${output}`))));
  });
}
