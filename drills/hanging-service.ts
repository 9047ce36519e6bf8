import { allGood, atMost, type Drill, latencyOf, readsOf, throughPhases } from "./drill.ts";

/** */
export const hangingService: Drill = {
  name: "hanging-service",
  about: "R-02: the Task Service takes connections and says nothing for 15 seconds",
  async run(stage) {
    const { tasks } = stage.services;
    const sightings = await throughPhases(stage, readsOf(stage), [
      ["well", 4],
      // A call waits 5 seconds; the first that give up open the breaker.
      ["hanging, opening", 7, () => tasks.set("hang")],
      ["hanging, open", 8],
      ["coming back", 15, () => tasks.set("none")],
      ["well again", 4],
    ]);
    const others = sightings.filter(({ name }) => name !== "tasks");
    const open = sightings.filter(({ name, phase }) => name === "tasks" && phase === "hanging, open");
    const again = sightings.filter(({ name, phase }) => name === "tasks" && phase === "well again");
    return {
      sightings,
      verdicts: [
        allGood("other routes do not notice", others),
        // Not p99: the probe of each open interval is real traffic, and waits.
        atMost("once open, what needs it is refused at once, p95", latencyOf(open, 0.95), 20, " ms"),
        allGood("all is well when it is back", again),
      ],
    };
  },
};
