import { afterAll, beforeAll } from "vitest";
import { type PresenceTarget, presenceSuite } from "../suites/presence-suite.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { startScriptedPresence } from "../support/scripted-presence.ts";
import { UNLIMITED } from "../support/unlimited.ts";

let target: PresenceTarget & GatewayUnderTest;
beforeAll(async () => {
  const [presence, elsewhere] = await Promise.all([startScriptedPresence(), startScriptedPresence()]);
  const gateway = await startGatewayUnderTest({ env: { ...UNLIMITED, PRESENCE_SERVICE_URL: presence.url } });
  target = { ...gateway, presence, elsewhere };
});
afterAll(async () => {
  await target.stop();
  await Promise.all([target.presence.stop(), target.elsewhere.stop()]);
});

presenceSuite(() => target);
