import { afterAll, beforeAll, expect, test } from "vitest";
import { call, register } from "../support/gateway-under-test.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { newTask } from "../support/samples.ts";
import { type SharedGateways, startSharedGateways } from "../support/shared-gateways.ts";
import { startUpstashShim, type UpstashShim } from "../support/upstash-shim.ts";

describeWithRedis("two gateways that share what they keep in a Redis", () => {
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

  test("what one asked for the other need not, and a write through one is seen through the other", async () => {
    const [here, there] = gateways.urls;
    const { token } = await register(here, "CLIENT");
    const taskId = await newTask(here, { token } as never);
    const path = `/api/v1/tasks/${taskId}`;
    const get = (url: string) => call(url, `GET ${path}`, { token });

    // What one asked for is kept behind its answer, so the other may ask once more itself before it is there.
    await get(here);
    await expect
      .poll(async () => (await get(there)).headers.get("cache-status"), { timeout: 20_000 })
      .toMatch(/^devmatch; hit/);

    await call(here, `PUT ${path}`, { token, body: { title: "Changed here" } });
    expect((await get(here)).body.title, "at once").toBe("Changed here");
    await expect.poll(async () => (await get(there)).body.title, { timeout: 20_000 }).toBe("Changed here");

    await call(there, `DELETE ${path}`, { token });
    expect((await get(there)).status, "at once").toBe(404);
    await expect.poll(async () => (await get(here)).status, { timeout: 20_000 }).toBe(404);
  });
});
