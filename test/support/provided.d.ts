import "vitest";

/** What global set-ups in Node provide for tests inside workerd, which cannot listen or start anything. */
declare module "vitest" {
  interface ProvidedContext {
    ingestPort: number;
  }
}
