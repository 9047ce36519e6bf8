import { allGood, atMost, type Drill, latencyOf, readsOf, throughPhases } from "./drill.ts";
import type { LoadRequest } from "./load.ts";
import type { Stage } from "./stage.ts";

/** Reads, and a write by a token that is younger than 15 minutes. */
function callsOf(stage: Stage): readonly LoadRequest[] {
  const { token } = stage;
  const body = { title: "Drill", skill_tags: ["drill"], budget_lower_bound: 1, budget_upper_bound: 2 };
  return [...readsOf(stage), { name: "write", method: "POST", path: "/api/v1/tasks", token, body }];
}

function redisDrill(name: string, about: string, breakIt: (stage: Stage) => Promise<unknown>): Drill {
  return {
    name,
    about,
    stage: { redis: true },
    async run(stage) {
      const { way } = stage.redis!;
      const sightings = await throughPhases(stage, callsOf(stage), [
        ["well", 5],
        ["broken, at first", 2, () => breakIt(stage)],
        ["broken", 6],
        ["coming back", 10, () => way.set("none")],
        ["well again", 4],
      ]);
      const during = (phase: string) => sightings.filter((each) => each.phase === phase);
      const base = latencyOf(during("well"), 0.99);
      return {
        sightings,
        verdicts: [
          allGood("no call fails", sightings),
          atMost(
            "added to p99 in the first two seconds",
            latencyOf(during("broken, at first"), 0.99) - base,
            60,
            " ms",
          ),
          atMost("added to p99 after", latencyOf(during("broken"), 0.99) - base, 10, " ms"),
          atMost("added to p99 when it is back", latencyOf(during("well again"), 0.99) - base, 10, " ms"),
        ],
      };
    },
  };
}

/** */
export const redisDrills: readonly Drill[] = [
  redisDrill("redis-killed", "R-11, R-13: Redis refuses connections for 8 seconds", ({ redis }) =>
    redis!.way.set("refuse"),
  ),
  redisDrill("redis-paused", "R-12: Redis takes commands and answers none for 8 seconds", ({ redis }) =>
    redis!.way.set("hang"),
  ),
  redisDrill("redis-slow", "R-12: Redis answers half a second late for 8 seconds", ({ redis }) =>
    redis!.way.set({ delayMs: 250 }),
  ),
  redisDrill("redis-flushed", "R-14: Redis loses everything that it knew, scripts included", ({ redis }) =>
    redis!.flush(),
  ),
];
