import { allGood, type Drill, readsOf, throughPhases } from "./drill.ts";

/** */
export const flappingService: Drill = {
  name: "flapping-service",
  about: "R-05: the Task Service is up for 2 seconds and down for 2, six times",
  async run(stage) {
    const { tasks } = stage.services;
    const cycles = Array.from({ length: 6 }, () => [
      ["flapping", 2, () => tasks.set("none")] as const,
      ["flapping", 2, () => tasks.set("refuse")] as const,
    ]).flat();
    const sightings = await throughPhases(stage, readsOf(stage), [["well", 2], ...cycles]);
    const flapping = sightings.filter(({ name, phase }) => name === "tasks" && phase === "flapping");
    const good = flapping.filter(({ status }) => status === 200).length;
    const share = good / flapping.length;
    return {
      sightings,
      verdicts: [
        allGood(
          "other routes do not notice",
          sightings.filter(({ name }) => name !== "tasks"),
        ),
        // It is up for half of the time. After an open time that doubles from one second, the first probe comes while it
        // is still down and the second when it is back: about 30 % is the most that can succeed without a cache.
        {
          promise: "what can be had of a service that is up half of the time: at least 20 % succeed",
          kept: share >= 0.2,
          figure: `${Math.round(share * 100)} %`,
        },
      ],
    };
  },
};
