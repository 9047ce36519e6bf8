import { afterAll, beforeAll } from "vitest";
import { errorSuite } from "../suites/error-suite.ts";
import { type ScriptedGateway, startScriptedGateway } from "../support/scripted-gateway.ts";

let gateway: ScriptedGateway;
beforeAll(async () => {
  gateway = await startScriptedGateway();
});
afterAll(() => gateway.stop());

errorSuite(() => gateway);
