import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { call, serviceAddresses, startGatewayOf, startGatewayUnderTest } from "./gateway-under-test.ts";
import { UNLIMITED } from "./unlimited.ts";

/** Two gateways in front of one platform, with one secret and one store. */
export interface SharedGateways {
  readonly urls: readonly [string, string];
  stop(): Promise<void>;
}

/** Starts them. `store` has the variables that name the store. */
export async function startSharedGateways(store: Readonly<Record<string, string>>): Promise<SharedGateways> {
  const env = { ...UNLIMITED, ...store, JWT_SECRET: randomBytes(32).toString("hex") };
  const first = await startGatewayUnderTest({ env });
  const second = await startGatewayOf({ ...serviceAddresses(first.platform), ...env });
  await Promise.all([untilStoreIs("healthy", first.url), untilStoreIs("healthy", second.url)]);
  return {
    urls: [first.url, second.url],
    async stop() {
      await second.stop();
      await first.stop();
    },
  };
}

/** Waits until a gateway says this of its store. It asks at most once a second. */
export async function untilStoreIs(verdict: "healthy" | "unhealthy", url: string): Promise<void> {
  while ((await call(url, "GET /health/detailed")).body.services.redis !== verdict) await wait(50);
}
