import { deadService } from "./dead-service.ts";
import type { Drill } from "./drill.ts";
import { flappingService } from "./flapping-service.ts";
import { hangingService } from "./hanging-service.ts";
import { overload } from "./overload.ts";
import { redisDrills } from "./redis.ts";
import { tableOf, verdictsOf } from "./report.ts";
import { soak } from "./soak.ts";
import { setStage } from "./stage.ts";

const DRILLS: readonly Drill[] = [deadService, hangingService, flappingService, ...redisDrills, overload, soak];

// `npm run drill -- NAME`: exit code 1 where a promise was broken, 2 for a name that no drill has.
const [name] = process.argv.slice(2);
const drill = DRILLS.find((each) => each.name === name);
if (drill === undefined) {
  const rows = DRILLS.map((each) => `  ${each.name.padEnd(18)} ${each.about}`).join("\n");
  process.stderr.write(`npm run drill -- NAME, where NAME is one of\n\n${rows}\n`);
  process.exit(name === undefined ? 0 : 2);
}
process.stdout.write(`${drill.about}\n\n`);
const stage = await setStage(drill.stage ?? {});
try {
  const { sightings, verdicts } = await drill.run(stage);
  process.stdout.write(`${tableOf(sightings)}\n\n${verdictsOf(verdicts)}\n`);
  process.exitCode = verdicts.every(({ kept }) => kept) ? 0 : 1;
} finally {
  await stage.strike();
}
