import { afterAll, beforeAll, describe } from "vitest";
import { createTcpRedis, type TcpRedis } from "#src/node/tcp-redis.ts";
import { createRedisSessionStore } from "#src/store/redis-session-store.ts";
import { createUpstashRedis } from "#src/store/upstash-redis.ts";
import { SUITE_ACCESS_LIFETIME_SECONDS, sessionStoreSuite } from "../suites/session-store-suite.ts";
import { clockOf } from "../support/clock-of.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { untilReady } from "../support/until-ready.ts";
import { startUpstashShim, type UpstashShim } from "../support/upstash-shim.ts";

/** Machines are slow at times, and this is not about time. */
const timeoutMs = 10_000;
const accessLifetimeSeconds = SUITE_ACCESS_LIFETIME_SECONDS;

describeWithRedis("sessions in a real Redis", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedisServer();
  });
  afterAll(() => server.stop());

  describe("over TCP", () => {
    let redis: TcpRedis;
    beforeAll(async () => {
      redis = createTcpRedis({ url: server.url, timeoutMs });
      await untilReady(redis);
    });
    afterAll(() => redis.close());

    sessionStoreSuite("redis", ({ now }) =>
      createRedisSessionStore({ redis, now, accessLifetimeSeconds, clock: clockOf(now), scriptsGoBy: "clock" }),
    );
  });

  describe("over Upstash's REST", () => {
    let shim: UpstashShim;
    beforeAll(async () => {
      shim = await startUpstashShim(server.url);
    });
    afterAll(() => shim.stop());

    sessionStoreSuite("upstash", ({ now }) =>
      createRedisSessionStore({
        redis: createUpstashRedis({ url: shim.url, token: shim.token, fetch, timeoutMs }),
        now,
        accessLifetimeSeconds,
        clock: clockOf(now),
        scriptsGoBy: "clock",
      }),
    );
  });
});
