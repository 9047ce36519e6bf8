import { randomBytes } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { accountsSuite } from "../suites/accounts-suite.ts";
import { tokenSuite } from "../suites/token-suite.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { untilStoreIs } from "../support/shared-gateways.ts";
import { UNLIMITED } from "../support/unlimited.ts";
import { startUpstashShim, type UpstashShim } from "../support/upstash-shim.ts";

// What clients see of accounts and tokens is the same, wherever sessions are kept.
describeWithRedis("with sessions in Redis, over Upstash's REST", () => {
  const secret = randomBytes(32).toString("base64url");
  let server: RedisServer;
  let shim: UpstashShim;
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    server = await startRedisServer();
    shim = await startUpstashShim(server.url);
    gateway = await startGatewayUnderTest({
      env: {
        ...UNLIMITED,
        JWT_SECRET: secret,
        UPSTASH_REDIS_REST_URL: shim.url,
        UPSTASH_REDIS_REST_TOKEN: shim.token,
        // Machines are slow at times, and this is not about time.
        REDIS_TIMEOUT: "10",
      },
    });
    await untilStoreIs("healthy", gateway.url);
  });
  afterAll(async () => {
    await gateway.stop();
    await shim.stop();
    await server.stop();
  });

  accountsSuite(() => gateway);
  tokenSuite(() => ({ ...gateway, secret }));
});
