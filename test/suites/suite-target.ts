import type { RunningPlatform } from "#platform/platform.ts";

/** What a black-box suite runs against: a gateway by its URL, and the platform behind it. */
export interface SuiteTarget {
  /** Without a slash at its end. */
  readonly url: string;
  readonly platform: RunningPlatform;
}

/** A suite is written before anything runs, so it asks for its target when a test does. */
export type Target = () => SuiteTarget;
