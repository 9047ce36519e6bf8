import { allGood, atMost, type Drill, latencyOf, readsOf, throughPhases } from "./drill.ts";

/** */
export const deadService: Drill = {
  name: "dead-service",
  about: "R-01, R-03, R-04: the Task Service refuses connections for 8 seconds, and comes back",
  async run(stage) {
    const { tasks } = stage.services;
    const sightings = await throughPhases(stage, readsOf(stage), [
      ["well", 4],
      ["opening", 2, () => tasks.set("refuse")],
      ["dead", 6],
      // The open time doubles: after 8 seconds it is 8 at the most.
      ["coming back", 9, () => tasks.set("none")],
      ["well again", 4],
    ]);
    const of = (name: string, phase?: string) =>
      sightings.filter((each) => each.name === name && (phase === undefined || each.phase === phase));
    const others = sightings.filter(({ name }) => name !== "tasks");
    const dead = of("tasks", "dead");
    const withoutAdvice = dead.filter(({ retryAfterSeconds }) => !(retryAfterSeconds! >= 1));
    return {
      sightings,
      verdicts: [
        allGood("other routes do not notice", others),
        atMost("what needs it is 503 at once, p99", latencyOf(dead, 0.99), 20, " ms"),
        atMost("and says when to come back; without advice", withoutAdvice.length, 0),
        allGood("all is well when it is back", of("tasks", "well again")),
      ],
    };
  },
};
