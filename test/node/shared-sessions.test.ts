import { afterAll, beforeAll } from "vitest";
import { sharedSessionSuite } from "../suites/shared-session-suite.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { type SharedGateways, startSharedGateways } from "../support/shared-gateways.ts";

describeWithRedis("two gateways on one Redis, over TCP", () => {
  let server: RedisServer;
  let gateways: SharedGateways;
  beforeAll(async () => {
    server = await startRedisServer();
    // Machines are slow at times, and this is not about time.
    gateways = await startSharedGateways({ REDIS_URL: server.url, REDIS_TIMEOUT: "10" });
  });
  afterAll(async () => {
    await gateways.stop();
    await server.stop();
  });

  sharedSessionSuite(() => gateways);
});
