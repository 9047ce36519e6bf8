import { describe, expect, onTestFinished, test } from "vitest";
import { type ServiceName, startPlatform } from "#platform/platform.ts";
import { type CallOptions, call, type Person, register } from "../support/gateway-under-test.ts";
import { countOf } from "../support/scrape.ts";
import type { SuiteTarget } from "./suite-target.ts";

export interface RestartTarget extends SuiteTarget {
  stop(): Promise<void>;
}

/** A call that needs the service and nothing that was stored in it before it was restarted. */
type Row = readonly [service: ServiceName, request: string, without: number, found: (body: unknown) => unknown];

const detailed = (label: string): readonly [string, number, Row[3]] => [
  "GET /health/detailed",
  200,
  (body) => (body as { services: Record<string, string> }).services[label] === "healthy",
];
const any = () => true;

const ROWS: readonly Row[] = [
  ["users", "GET /api/v1/users/developers", 503, any],
  ["tasks", "GET /api/v1/tasks", 503, any],
  ["recommendation", "GET /api/v1/matching/health", 503, any],
  ["orchestrator", "GET /api/v1/matching/proposals", 503, any],
  ["presence", ...detailed("presence-service")],
];

/** Services that go and come back while the gateway stays. `start` makes a gateway with a platform of its own. */
export function restartSuite(start: () => Promise<RestartTarget>): void {
  describe("a service that comes back on its port is used again:", () => {
    test.each(ROWS)("%s", async (name, request, without, found) => {
      const target = await start();
      onTestFinished(() => target.stop());
      const { url, platform } = target;
      const { token } = await register(url, "DEVELOPER");
      const ask = async () => {
        const { status, body } = await call(url, request, { token });
        return { status, found: status === 200 && found(body) };
      };
      expect(await ask()).toEqual({ status: 200, found: true });

      const service = platform.services[name];
      let running: { stop(): Promise<void> } = service;
      // Twice: what is remembered of the first time must not be in the way of the second.
      for (let time = 1; time <= 2; time++) {
        await running.stop();
        // What was found about health is kept for a second.
        await expect.poll(ask, { timeout: 20_000, interval: 100 }).toEqual({ status: without, found: false });
        running = await startAgain(name, service.port);
        await expect.poll(ask, { timeout: 20_000, interval: 100 }).toEqual({ status: 200, found: true });
      }
    });
  });

  test("calls that are under way when a service stops end as what happened, and none is blamed on the gateway", async () => {
    const target = await start();
    onTestFinished(() => target.stop());
    const { url, platform } = target;
    const { token } = await register(url, "CLIENT");
    const asked: Promise<number>[] = [];
    const stopped = platform.services.tasks.stop();
    let stopping = true;
    void stopped.then(() => {
      stopping = false;
    });
    // Enough to hit every moment of it; more would only be a test of this machine.
    while (stopping && asked.length < 300) {
      asked.push(call(url, "GET /api/v1/tasks", { token }).then(({ status }) => status));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await stopped;
    const statuses = new Set(await Promise.all(asked));
    expect([200, 502, 503]).toEqual(expect.arrayContaining([...statuses]));
    expect((await call(url, "GET /api/v1/tasks", { token })).status).toBe(503);
  });
}

/** The same service, with nothing in its memory, on the port that it had. Stops with the test at the latest. */
async function startAgain(name: ServiceName, port: number): Promise<{ stop(): Promise<void> }> {
  const again = await startPlatform({ only: [name], ports: { [name]: port }, scryptCost: 1024, log: () => {} });
  onTestFinished(() => again.stop());
  return again;
}

export interface NeighbourTarget {
  /** Two gateways with one secret and one platform; the second cannot reach the Task Service. */
  readonly whole: string;
  readonly lame: string;
  /** A gateway with another secret on the same platform. */
  readonly stranger: string;
}

/** Gateways side by side: what they share is the platform and, where it is the same, the secret. */
export function neighbourSuite(target: () => NeighbourTarget): void {
  const me = (url: string, options: CallOptions) => call(url, "GET /api/v1/auth/me", options);
  const join = async (url: string): Promise<Person> => register(url, "CLIENT");

  test("a token of one is good at the other", async () => {
    const { whole, lame } = target();
    const [first, second] = [await join(whole), await join(lame)];
    expect(await me(lame, { token: first.token })).toMatchObject({ status: 200, body: { user_id: first.userId } });
    expect(await me(whole, { token: second.token })).toMatchObject({ status: 200, body: { user_id: second.userId } });
  });

  test("a token of one with another secret is not, nor is its refresh token, though the user is the same", async () => {
    const { whole, stranger } = target();
    const { token, refreshToken, email, password } = await join(whole);
    expect((await me(stranger, { token })).status).toBe(401);
    const refresh = { body: { refresh_token: refreshToken } };
    expect((await call(stranger, "POST /api/v1/auth/refresh", refresh)).status).toBe(401);
    expect((await call(stranger, "POST /api/v1/auth/login", { body: { email, password } })).status).toBe(200);
    // And being shown there has done it no harm at home.
    expect((await call(whole, "POST /api/v1/auth/refresh", refresh)).status).toBe(200);
  });

  test("what one cannot reach, the other can", async () => {
    const { whole, lame } = target();
    const { token } = await join(whole);
    expect((await call(lame, "GET /api/v1/tasks", { token })).status).toBe(503);
    expect((await call(whole, "GET /api/v1/tasks", { token })).status).toBe(200);
    expect((await call(lame, "GET /health/detailed")).body.services["task-service"]).toBe("unhealthy");
    expect((await call(whole, "GET /health/detailed")).body.services["task-service"]).toBe("healthy");
  });

  test("each counts for itself", async () => {
    const { whole, lame } = target();
    const { token } = await join(whole);
    const labels = { method: "GET", route: "/api/v1/auth/me", status: "200" };
    const count = (url: string) => countOf(url, "gateway_requests_total", labels);
    const before = [await count(whole), await count(lame)] as const;
    await me(whole, { token });
    expect([await count(whole), await count(lame)]).toEqual([before[0] + 1, before[1]]);
  });
}
