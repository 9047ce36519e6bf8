import { afterAll, beforeAll } from "vitest";
import { lostReplySuite, sharedSessionSuite } from "../suites/shared-session-suite.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { type SharedGateways, startSharedGateways } from "../support/shared-gateways.ts";
import { startUpstashShim, type UpstashShim } from "../support/upstash-shim.ts";

describeWithRedis("two gateways on one Redis, over Upstash's REST", () => {
  let server: RedisServer;
  let shim: UpstashShim;
  let gateways: SharedGateways;
  beforeAll(async () => {
    server = await startRedisServer();
    shim = await startUpstashShim(server.url);
    gateways = await startSharedGateways({
      UPSTASH_REDIS_REST_URL: shim.url,
      UPSTASH_REDIS_REST_TOKEN: shim.token,
      // Machines are slow at times, and this is not about time.
      REDIS_TIMEOUT: "10",
    });
  });
  afterAll(async () => {
    await gateways.stop();
    await shim.stop();
    await server.stop();
  });

  sharedSessionSuite(() => gateways);
  lostReplySuite(() => ({ gateways, shim }));
});
