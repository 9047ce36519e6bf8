import { afterAll, beforeAll, describe } from "vitest";
import { createTcpRedis, type TcpRedis } from "#src/node/tcp-redis.ts";
import { createUpstashRedis } from "#src/store/upstash-redis.ts";
import { sessionStoreSuite } from "../suites/session-store-suite.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { openRedisSessions } from "../support/redis-sessions.ts";
import { untilReady } from "../support/until-ready.ts";
import { startUpstashShim, type UpstashShim } from "../support/upstash-shim.ts";

/** Machines are slow at times, and this is not about time. */
const timeoutMs = 10_000;

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

    sessionStoreSuite("redis", ({ now }) => openRedisSessions(redis, now));
  });

  describe("over Upstash's REST", () => {
    let shim: UpstashShim;
    beforeAll(async () => {
      shim = await startUpstashShim(server.url);
    });
    afterAll(() => shim.stop());

    sessionStoreSuite("upstash", ({ now }) =>
      openRedisSessions(createUpstashRedis({ url: shim.url, token: shim.token, fetch, timeoutMs }), now),
    );
  });
});
