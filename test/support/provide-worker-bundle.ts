import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { buildWorkerBundle } from "./worker-bundle.ts";

/** Builds the Worker once for all files of a project. */
export default async function provideWorkerBundle(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "devmatch-worker-"));
  project.provide("workerBundle", await buildWorkerBundle(directory));
  return () => rm(directory, { recursive: true, force: true });
}
