import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { installed } from "../support/installed.ts";

const run = promisify(execFile);
const redis = installed("redis-server");

/** `npm run drill -- …` as a user types it: its exit code says whether every promise was kept. */
const drill = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  run("npm", ["run", "--silent", "drill", ...args], { env: { ...process.env, ...env } });

test("npm run drill lists what there is, each with the cases that it shows", async () => {
  const { stderr } = await drill([]);
  expect(stderr).toMatch(/^ {2}dead-service +R-01/m);
});

test("a name that no drill has is a mistake, and says which there are", async () => {
  await expect(drill(["--", "no-such-drill"])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("dead-service"),
  });
});

describe.runIf(redis !== undefined)("a soak of half a minute", () => {
  test("R-29: with a new identity in every request and faults all the time, two gateways live in a small heap", {
    timeout: 120_000,
  }, async () => {
    const { stdout } = await drill(["--", "soak"], { SOAK_MINUTES: "0.5" }).catch((error) => error);
    expect(stdout).toMatch(/kept {4}processes that ended, with a heap of 96 MiB: 0/);
    expect(stdout).toMatch(/kept {4}answers that blame the gateway, or none: 0/);
    expect(stdout).not.toMatch(/BROKEN {2}files open/);
  });
});
