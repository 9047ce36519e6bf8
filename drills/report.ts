import type { Sighting } from "./load.ts";

/** A promise of the project, and whether it was kept this time. */
export interface Verdict {
  readonly promise: string;
  readonly kept: boolean;
  readonly figure: string;
}

/** What clients saw, a line for each phase and request, in the order of time. */
export function tableOf(sightings: readonly Sighting[]): string {
  const groups = Map.groupBy(sightings, ({ phase, name }) => `${phase.padEnd(24)} ${name.padEnd(22)}`);
  const lines = [...groups].map(([label, group]) => {
    const latencies = group.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b);
    const p = (share: number) => `${quantile(latencies, share).toFixed(0)} ms`.padStart(8);
    return `  ${label} ${String(group.length).padStart(6)} ${p(0.5)} ${p(0.99)}  ${outcomesOf(group)}`;
  });
  return [
    `  ${"phase".padEnd(24)} ${"request".padEnd(22)} ${"made".padStart(6)}      p50      p99  answers`,
    ...lines,
  ].join("\n");
}

/** The q-quantile of sorted numbers; 0 of none. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

function outcomesOf(group: readonly Sighting[]): string {
  const outcomes = Map.groupBy(group, ({ status, error }) => String(status ?? error));
  return [...outcomes]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([outcome, { length }]) => `${outcome} × ${length}`)
    .join(", ");
}

export function verdictsOf(verdicts: readonly Verdict[]): string {
  return verdicts
    .map(({ promise, kept, figure }) => `  ${kept ? "kept  " : "BROKEN"}  ${promise}: ${figure}`)
    .join("\n");
}
