import { afterAll, beforeAll } from "vitest";
import { rpcErrorsSuite } from "../suites/rpc-errors-suite.ts";
import { type ScriptedGateway, startScriptedGateway } from "../support/scripted-gateway.ts";
import { UNLIMITED } from "../support/unlimited.ts";

let gateway: ScriptedGateway;
beforeAll(async () => {
  gateway = await startScriptedGateway(UNLIMITED);
});
afterAll(() => gateway.stop());

rpcErrorsSuite(() => gateway);
