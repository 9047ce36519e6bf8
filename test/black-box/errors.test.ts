import { afterAll, beforeAll } from "vitest";
import { errorSuite } from "../suites/error-suite.ts";
import { type ScriptedGateway, startScriptedGateway } from "../support/scripted-gateway.ts";
import { UNLIMITED } from "../support/unlimited.ts";

let gateway: ScriptedGateway;
beforeAll(async () => {
  gateway = await startScriptedGateway(UNLIMITED);
});
afterAll(() => gateway.stop());

errorSuite(() => gateway);
