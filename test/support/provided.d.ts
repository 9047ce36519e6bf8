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
    /** Upstash's protocol in front of a real Redis. Undefined where no redis-server is installed. */
    upstash: { readonly url: string; readonly token: string } | undefined;
    /** A server in Upstash's place that begins an answer under `/body` and none elsewhere, and ends neither. */
    hangingUrl: string;
    failingServiceUrl: string;
    /** In front of a plain gRPC server. */
    bridge: { readonly url: string; readonly secret: string };
  }
}
