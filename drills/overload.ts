import { setTimeout as wait } from "node:timers/promises";
import { atMost, type Drill, latencyOf, readsOf } from "./drill.ts";
import { type Sighting, startLoad } from "./load.ts";
import type { Stage } from "./stage.ts";

const STEP_SECONDS = 3;
const OVERLOAD_SECONDS = 20;
/** Beyond this the load itself is what a machine of two cores has no time for. */
const MAX_RATE = 3_200;

/** */
export const overload: Drill = {
  name: "overload",
  about:
    "R-26: three times as many requests as one gateway can answer, for 20 seconds; the load doubles until it is found",
  async run(stage) {
    const sightings: Sighting[] = [];
    const step = async (phase: string, rate: number, seconds: number) => {
      const seen = await offer(stage, phase, rate, seconds);
      // One by one: so many are more arguments than a call takes.
      for (const sighting of seen) sightings.push(sighting);
      return seen;
    };
    let peak = 0;
    for (let rate = 100; rate <= MAX_RATE; rate *= 2) {
      const goodput = goodOf(await step(`${rate} a second`, rate, STEP_SECONDS)).length / STEP_SECONDS;
      if (goodput < peak * 1.1) break;
      peak = goodput;
    }
    const offered = Math.round(peak * 3);
    const during = await step(`overload, ${offered} a second`, offered, OVERLOAD_SECONDS);
    await wait(5_000);
    const after = await step("5 seconds later", Math.round(peak / 4), 4);

    const goodput = goodOf(during).length / OVERLOAD_SECONDS;
    const shed = during.filter(({ name, status }) => name !== "live probe" && status !== 200);
    const unadvised = shed.filter(({ status, retryAfterSeconds }) => status !== 503 || !(retryAfterSeconds! >= 1));
    const probes = during.filter(({ name }) => name === "live probe");
    return {
      sightings,
      verdicts: [
        {
          promise: "at least 80 % of the peak is still answered",
          kept: goodput >= peak * 0.8,
          figure: `${Math.round(goodput)} of ${Math.round(peak)} a second`,
        },
        atMost("what is turned away without saying when to come back", unadvised.length, 0),
        atMost("the live probe, p99", latencyOf(probes, 0.99), 500, " ms"),
        atMost("5 seconds later, not answered", after.length - goodOf(after).length - probesOf(after), 0),
      ],
    };
  },
};

/** To one gateway alone, so that its own core is what runs out, with a probe beside the load once in a while. */
async function offer(stage: Stage, phase: string, rate: number, seconds: number): Promise<readonly Sighting[]> {
  const [task, , , probe] = readsOf(stage);
  const gateway = () => [stage.gateways[0]];
  // As many connections as are asked for in a second: clients do not queue for each other.
  const loads = [startLoad(gateway, [task!], rate, rate), startLoad(gateway, [probe!], 10)];
  for (const load of loads) load.phase(phase);
  await wait(seconds * 1000);
  return (await Promise.all(loads.map((load) => load.stop()))).flat();
}

/** What is answered after a second has found nobody who still waits. */
function goodOf(sightings: readonly Sighting[]): readonly Sighting[] {
  return sightings.filter(
    ({ name, status, latencyMs }) => name !== "live probe" && status === 200 && latencyMs < 1_000,
  );
}

function probesOf(sightings: readonly Sighting[]): number {
  return sightings.filter(({ name }) => name === "live probe").length;
}
