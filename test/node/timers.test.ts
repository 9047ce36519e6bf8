import { expect, onTestFinished, test } from "vitest";
import { call, register, startGatewayUnderTest } from "../support/gateway-under-test.ts";

const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;

/** What keeps connections has a few of its own, which come and go. */
const A_FEW = 5;

test("R-29: requests leave no timer behind, whether they are answered, refused, fail, or are left by their client", async () => {
  const gateway = await startGatewayUnderTest({ env: { CACHE_TTL: "0", RATE_LIMIT_ANONYMOUS: "1000000" } });
  onTestFinished(() => gateway.stop());
  const { url } = gateway;
  const { token } = await register(url, "CLIENT");
  const developers = await Promise.all(Array.from({ length: 4 }, () => register(url, "DEVELOPER")));
  const ask = async () => {
    const answers = await Promise.all([
      call(url, "GET /api/v1/tasks", { token }),
      call(url, "GET /api/v1/tasks/tsk_nobodys", { token }),
      call(url, "GET /api/v1/tasks"),
      call(url, "GET /nowhere"),
    ]);
    return answers.map(({ status }) => status);
  };
  const listenAndLeave = async (by: string) => {
    const leaving = new AbortController();
    const headers = { authorization: `Bearer ${by}` };
    const { status } = await fetch(`${url}/api/v1/matching/proposals/events`, { headers, signal: leaving.signal });
    leaving.abort();
    return status;
  };

  await ask();
  const before = timers();
  const listened = Promise.all(developers.flatMap((by) => Array.from({ length: 5 }, () => listenAndLeave(by.token))));
  for (let round = 0; round < 50; round++) expect(await ask()).toEqual([200, 404, 401, 404]);
  expect(new Set(await listened)).toEqual(new Set([200]));
  await gateway.platform.services.tasks.stop();
  for (let round = 0; round < 4; round++) expect(await ask()).toEqual([503, 503, 401, 404]);
  // Not as long as any timer that could have been left: the shortest of a call is its five seconds.
  await expect.poll(timers, { timeout: 3_000 }).toBeLessThanOrEqual(before + A_FEW);
});
