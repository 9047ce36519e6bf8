import { createHmac, randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { atMost, type Drill } from "./drill.ts";
import { startLoad } from "./load.ts";
import type { GatewayProcess, Stage } from "./stage.ts";

const MINUTES = Number(process.env.SOAK_MINUTES ?? 10);
/** In less time a slope says more of the compiler than of leaks; then the small heap has to do, which a leak would burst. */
const LEAST_MINUTES_FOR_SLOPE = 5;
/**
 * Both halves of the heap, always together: V8 counts the young one against the limit too, and lets it grow to three times
 * 32 MiB whatever the old one is told. A process bounded by the old one alone collected garbage for half of its time.
 */
const HEAP_MIB = 96;
const SEMI_SPACE_MIB = 8;
/** So many requests fill what is bounded (caches, maps, the heap's own rooms); before that, growth is not a leak. */
const FILL_SECONDS = MINUTES < LEAST_MINUTES_FOR_SLOPE ? 0 : 60;
const FILL_RATE = 500;
const RATE = 300;
/** What has been filled once (caches, maps at their bounds, compiled code) is not growth: a third is for that. */
const WARM_UP_SHARE = 0.3;
const SAMPLE_MS = 5_000;

interface Sample {
  readonly atMinutes: number;
  readonly residentMiB: number;
}

/** */
export const soak: Drill = {
  name: "soak",
  about: `R-29: a new identity with every request, and a service that is away for one moment in twenty, for SOAK_MINUTES (${MINUTES})`,
  stage: { redis: true, nodeOptions: [`--max-old-space-size=${HEAP_MIB}`, `--max-semi-space-size=${SEMI_SPACE_MIB}`] },
  async run(stage) {
    const token = () => newIdentity(stage);
    const requests = [
      { name: "task", method: "GET", path: `/api/v1/tasks/${stage.taskId}`, token },
      { name: "developers", method: "GET", path: "/api/v1/users/developers", token },
      { name: "nowhere", method: "GET", path: "/nowhere" },
    ] as const;
    const filesBefore = stage.processes.map((process) => process.openFiles());
    const filling = startLoad(() => stage.gateways, requests, FILL_RATE);
    filling.phase("filling");
    await wait(FILL_SECONDS * 1000);
    const filled = await filling.stop();
    const load = startLoad(() => stage.gateways, requests, RATE);
    load.phase("soak");
    const samples = stage.processes.map((): Sample[] => []);
    const startedAt = performance.now();
    const minutes = () => (performance.now() - startedAt) / 60_000;
    while (minutes() < MINUTES) {
      await stage.services.tasks.set("refuse");
      await wait(SAMPLE_MS / 20);
      await stage.services.tasks.set("none");
      await wait((SAMPLE_MS * 19) / 20);
      for (const [index, process] of stage.processes.entries()) samples[index]!.push(sampleOf(process, minutes()));
    }
    const sightings = [...filled, ...(await load.stop())];
    const settled = samples.map((each) => each.filter(({ atMinutes }) => atMinutes > MINUTES * WARM_UP_SHARE));
    const slopes = settled.map((each) => slopeOf(each.map(({ atMinutes, residentMiB }) => [atMinutes, residentMiB])));
    // The load has closed its connections; a moment for the gateways to notice.
    await wait(1_000);
    const filesMore = stage.processes.map((process, index) => process.openFiles() - filesBefore[index]!);
    const blamed = sightings.filter(({ status }) => status === undefined || status === 500);
    return {
      sightings,
      verdicts: [
        atMost(
          `processes that ended, with a heap of ${HEAP_MIB} MiB`,
          stage.processes.filter((each) => each.exitCode() !== undefined).length,
          0,
        ),
        atMost("answers that blame the gateway, or none", blamed.length, 0),
        ...(MINUTES < LEAST_MINUTES_FOR_SLOPE
          ? []
          : [atMost("resident memory grows, per minute", Number(Math.max(...slopes).toFixed(2)), 1, " MiB")]),
        // Connections to services and to Redis that were not there before the load.
        atMost("files open more than before", Math.max(...filesMore), 20),
      ],
    };
  },
};

function sampleOf(process: GatewayProcess, atMinutes: number): Sample {
  return { atMinutes, residentMiB: process.residentMiB() };
}

/** The least-squares slope. */
function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

/** A token of somebody who has never been here. Signed as the gateways do. */
function newIdentity({ secret }: Stage): string {
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: "devmatch-gateway", aud: "devmatch", sub: `usr_${randomUUID()}`, role: "DEVELOPER" };
  const times = { sid: randomUUID(), jti: randomUUID(), iat: now, exp: now + 3_600 };
  const content = `${part({ alg: "HS256", typ: "at+jwt" })}.${part({ ...claims, ...times })}`;
  return `${content}.${createHmac("sha256", secret).update(content).digest("base64url")}`;
}
