import { inject } from "vitest";

/** What the gateway under test runs on. The project of vitest.config.ts says it. */
export type Runtime = "node" | "workerd";

/** The Worker as it is deployed, ready to be run: see worker-bundle.ts. */
export interface WorkerBundle {
  /** Where its modules lie, `main` and whatever it loads later. */
  readonly directory: string;
  readonly main: string;
  readonly modules: readonly string[];
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  /** The Durable Objects, by the name that they are bound to. */
  readonly objects: readonly { readonly binding: string; readonly className: string }[];
  /** The variables that wrangler.toml sets where no environment is named. */
  readonly variables: Readonly<Record<string, string>>;
}

/** The runtime of this test run. */
export const runtime: Runtime = inject("runtime");
