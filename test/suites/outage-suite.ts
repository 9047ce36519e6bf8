import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, call } from "../support/gateway-under-test.ts";
import { callRoute, gatherCast, ROUTES_WITH_NEEDS } from "../support/routes-with-needs.ts";
import type { SuiteTarget } from "./suite-target.ts";

export interface OutageTarget extends SuiteTarget {
  stop(): Promise<void>;
}

export type OutService = (typeof OUT_SERVICES)[number];

/** How a service is out, and what its routes must then answer. */
export interface Outage<T extends OutageTarget> {
  readonly services: readonly OutService[];
  /** A gateway and a platform that are well. Each outage gets new ones, since there is no way back. */
  start(): Promise<T>;
  breakDown(target: T, service: OutService): Promise<void>;
  readonly status: number;
  readonly code: string;
  readonly retryAfter: boolean;
  /** What `/health/detailed` calls it. */
  readonly error: "unreachable" | "timeout";
}

export const OUT_SERVICES = ["users", "tasks", "recommendation", "orchestrator", "presence"] as const;

const LABELS: Readonly<Record<OutService, string>> = {
  users: "user-service",
  tasks: "task-service",
  recommendation: "recommendation-service",
  orchestrator: "orchestrator",
  presence: "presence-service",
};

/** Promise 2 of the project: one dead dependency costs only what needs it. */
export function outageSuite<T extends OutageTarget>(outage: Outage<T>): void {
  describe.each(outage.services)("%s", (service) => {
    let target: T;
    let answers: readonly Answer[];
    let probes: Readonly<Record<"health" | "detailed" | "ready" | "live", Answer>>;

    beforeAll(async () => {
      target = await outage.start();
      const { url } = target;
      const cast = await gatherCast(url);
      await outage.breakDown(target, service);
      // All at once: what waits for the service that is out must not hold up what does not.
      const asked = ROUTES_WITH_NEEDS.map((route) => callRoute(url, route, cast));
      const probed = ["/health", "/health/detailed", "/health/ready", "/health/live"].map((path) =>
        call(url, `GET ${path}`),
      );
      answers = await Promise.all(asked);
      const [health, detailed, ready, live] = await Promise.all(probed);
      probes = { health: health!, detailed: detailed!, ready: ready!, live: live! };
    });
    afterAll(() => target?.stop());

    const cells = ROUTES_WITH_NEEDS.map(({ number, route, needs, status, isStream = false }, index) => {
      const lost = needs.includes(service) && !(isStream && outage.error === "timeout");
      return [number, route, lost ? outage.status : status, lost, index] as const;
    });

    test.each(cells)("%i %s is %i", (_number, _route, status, lost, index) => {
      const { status: answered, headers, body } = answers[index]!;
      expect(answered, JSON.stringify(body)).toBe(status);
      if (!lost) return;
      expect(body.code).toBe(outage.code);
      const retryAfter = outage.retryAfter ? expect.stringMatching(/^[1-9]\d{0,2}$/) : null;
      expect(headers.get("retry-after")).toEqual(retryAfter);
      expect(headers.get("content-type")).toBe("application/problem+json");
    });

    test("the gateway stays in its balancer, alive and healthy itself", () => {
      expect(probes.ready).toMatchObject({ status: 200, body: { status: "ready" } });
      expect(probes.live).toMatchObject({ status: 200, body: { status: "alive" } });
      expect(probes.health).toMatchObject({ status: 200, body: { status: "healthy" } });
    });

    test("/health/detailed says that it is degraded, and by which", () => {
      const { status, body } = probes.detailed;
      expect(status).toBe(200);
      expect(body.status).toBe("degraded");
      const healthy = Object.fromEntries(Object.values(LABELS).map((label) => [label, "healthy"]));
      const unused = { redis: "not_configured", nats: "not_configured" };
      expect(body.services).toEqual({ ...healthy, ...unused, [LABELS[service]]: "unhealthy" });
      const latency = { latency_ms: expect.any(Number), breaker: "closed" };
      const well = Object.fromEntries(Object.values(LABELS).map((label) => [label, latency]));
      const out = { ...latency, error: outage.error };
      expect(body.details).toEqual({ ...well, redis: {}, nats: {}, [LABELS[service]]: out });
    });
  });
}
