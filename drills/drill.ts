import { setTimeout as wait } from "node:timers/promises";
import { type Load, type LoadRequest, type Sighting, startLoad } from "./load.ts";
import { quantile, type Verdict } from "./report.ts";
import type { Stage, StageOptions } from "./stage.ts";

/** Breaks one thing under load, and says what clients saw. */
export interface Drill {
  readonly name: string;
  /** The cases of the reliability notes that it shows, and what it does. */
  readonly about: string;
  readonly stage?: StageOptions;
  run(stage: Stage): Promise<{ readonly sightings: readonly Sighting[]; readonly verdicts: readonly Verdict[] }>;
}

/** A read for each of three services, and the probe that asks nobody. */
export function readsOf({ token, taskId }: Stage): readonly LoadRequest[] {
  return [
    { name: "tasks", method: "GET", path: `/api/v1/tasks/${taskId}`, token },
    { name: "users", method: "GET", path: "/api/v1/users/developers", token },
    { name: "recommendation", method: "GET", path: "/api/v1/matching/health", token },
    { name: "live probe", method: "GET", path: "/health/live" },
  ];
}

const WARM_UP_MS = 4_000;

/** Runs a load through phases, each for so many seconds, and answers what it saw. */
export async function throughPhases(
  stage: Stage,
  requests: readonly LoadRequest[],
  phases: readonly (readonly [name: string, seconds: number, begin?: () => Promise<unknown>])[],
  { requestsPerSecond = 200 } = {},
): Promise<readonly Sighting[]> {
  const load: Load = startLoad(() => stage.gateways, requests, requestsPerSecond);
  // Code that has never run is slow, and nobody's dependency.
  load.phase("warming up");
  await wait(WARM_UP_MS);
  for (const [name, seconds, begin] of phases) {
    await begin?.();
    load.phase(name);
    await wait(seconds * 1000);
  }
  return load.stop();
}

/** That every one of these was answered by 2xx. */
export function allGood(promise: string, sightings: readonly Sighting[]): Verdict {
  const bad = sightings.filter(({ status }) => status === undefined || status >= 300);
  return {
    promise,
    kept: bad.length === 0 && sightings.length > 0,
    figure: `${bad.length} of ${sightings.length} failed`,
  };
}

export function atMost(promise: string, figure: number, bound: number, unit = ""): Verdict {
  return { promise, kept: figure <= bound, figure: `${figure}${unit} (at most ${bound}${unit})` };
}

/** The q-quantile of the latencies, in whole milliseconds. */
export function latencyOf(sightings: readonly Sighting[], q: number): number {
  return Math.round(
    quantile(
      sightings.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b),
      q,
    ),
  );
}
