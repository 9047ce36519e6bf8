import { afterAll, beforeAll } from "vitest";
import { plantedIdentitySuite } from "../suites/planted-identity-suite.ts";
import { type ScriptedGateway, startScriptedGateway } from "../support/scripted-gateway.ts";
import { UNLIMITED } from "../support/unlimited.ts";

let gateway: ScriptedGateway;
beforeAll(async () => {
  gateway = await startScriptedGateway(UNLIMITED);
});
afterAll(() => gateway.stop());

plantedIdentitySuite(() => gateway);
