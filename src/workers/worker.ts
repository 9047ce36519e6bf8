import { waitUntil } from "cloudflare:workers";
import { loadConfig } from "../config.ts";
import { createGateway, type Gateway } from "../gateway.ts";
import { MemorySessionStore } from "../identity/memory-session-store.ts";
import { type Bindings, variablesOf } from "./bindings.ts";
import { createWorkersTransports } from "./transports.ts";
import { writeLog } from "./write-log.ts";

export { CircuitBreaker } from "./circuit-breaker.ts";
export { MetricsTotals } from "./metrics-totals.ts";

let gateway: Gateway | undefined;

/**
 * Builds the gateway for this isolate. Every request that finds none builds one: a promise that is shared would belong
 * to the request that made it, and never settle when that one's client goes away.
 */
async function build(bindings: Bindings): Promise<Gateway> {
  const config = loadConfig(variablesOf(bindings), { protocol: "connect" });
  const built = await createGateway(config, {
    now: Date.now,
    writeLog,
    transports: createWorkersTransports(config.services),
    fetch: (input, init) => fetch(input, init),
    sessions: new MemorySessionStore({ now: Date.now, accessLifetimeSeconds: config.accessLifetimeSeconds }),
    keepAlive: (work) => waitUntil(work),
    lifecycle: () => "ready",
  });
  gateway ??= built;
  return gateway;
}

export default {
  async fetch(request: Request, bindings: Bindings): Promise<Response> {
    return (gateway ?? (await build(bindings))).fetch(request);
  },
};
