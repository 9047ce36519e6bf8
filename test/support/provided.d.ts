import "vitest";
import type { Runtime, WorkerBundle } from "./runtime.ts";

/** What vitest.config.ts and the global set-ups of its projects hand to the tests. */
declare module "vitest" {
  interface ProvidedContext {
    /** Of the black-box suites. */
    runtime: Runtime;
    /** In the project `workerd`. */
    workerBundle: WorkerBundle;
    // In the project `workers`, whose tests run inside workerd and cannot listen or start anything:
    ingestPort: number;
    failingServiceUrl: string;
    /** In front of a plain gRPC server. */
    bridge: { readonly url: string; readonly secret: string };
  }
}
