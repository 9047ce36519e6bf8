import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type CallOptions, call } from "../support/gateway-under-test.ts";
import { type Cast, callRoute, gatherCast, ROUTES_WITH_NEEDS } from "../support/routes-with-needs.ts";
import { countOf, samplesOf, scrape } from "../support/scrape.ts";
import type { ScriptedServices } from "../support/scripted-gateway.ts";
import type { SuiteTarget } from "./suite-target.ts";

export interface OperationTarget extends SuiteTarget {
  readonly scripted: ScriptedServices;
  /** What the gateway has logged so far, an object a line, from `debug` on. */
  readonly log: readonly Record<string, unknown>[];
  untilLogged(): Promise<void>;
}

const SERVICES = ["user-service", "task-service", "recommendation-service", "orchestrator", "presence-service"];
const OPERATION_ROUTES = ["/health", "/health/detailed", "/health/live", "/health/ready", "/metrics"];
const TEMPLATES = ROUTES_WITH_NEEDS.map(({ route }) => route.split(" ")[1]!);
const PROBLEM = "application/problem+json";

/** Section 6 of the contract: what whoever runs the gateway can see of it. */
export function operationSuite(target: () => OperationTarget): void {
  let cast: Cast;
  beforeAll(async () => {
    cast = await gatherCast(target().url);
  });
  afterEach(() => {
    for (const service of Object.values(target().scripted)) service.reset();
  });

  describe("probes", () => {
    const version = expect.stringMatching(/^\d+\.\d+\.\d+/);
    const details = {
      ...Object.fromEntries(SERVICES.map((label) => [label, { latency_ms: expect.any(Number), breaker: "closed" }])),
      redis: {},
      nats: {},
    };
    const services = {
      ...Object.fromEntries(SERVICES.map((label) => [label, "healthy"])),
      redis: "not_configured",
      nats: "not_configured",
    };
    test.each([
      ["/health", { status: "healthy", version, services: {} }],
      ["/health/detailed", { status: "healthy", version, services, details }],
      ["/health/ready", { status: "ready" }],
      ["/health/live", { status: "alive" }],
    ])("%s is this and nothing more, whoever asks", async (path, expected) => {
      for (const options of [{}, { token: "garbage" }, { token: cast.client.token }]) {
        const { status, headers, body } = await call(target().url, `GET ${path}`, options);
        expect(status).toBe(200);
        expect(headers.get("content-type")).toMatch(/^application\/json/);
        expect(headers.get("x-request-id")).toMatch(/^\S+$/);
        expect(body).toEqual(expected);
      }
    });

    test.each(OPERATION_ROUTES)("%s is answered with a slash at its end, and to HEAD without a body", async (path) => {
      expect((await call(target().url, `GET ${path}/`)).status).toBe(200);
      expect(await call(target().url, `HEAD ${path}`)).toMatchObject({ status: 200, body: "" });
    });

    test.each(["", "/ready", "/live"])("/health%s asks no service", async (path) => {
      const { url, scripted } = target();
      for (const service of Object.values(scripted)) service.answerRaw(() => {});
      expect((await call(url, `GET /health${path}`)).status).toBe(200);
    });
  });

  describe("/metrics", () => {
    const LABELS: Readonly<Record<string, readonly [type: string, ...labels: string[]]>> = {
      gateway_requests_total: ["counter", "method", "route", "status"],
      gateway_request_duration_seconds: ["histogram", "method", "route"],
      gateway_active_connections: ["gauge"],
      gateway_service_calls_total: ["counter", "method", "service", "status"],
      gateway_circuit_breaker_state: ["gauge", "service"],
    };

    test("is Prometheus text", async () => {
      const { headers } = await call(target().url, "GET /metrics");
      expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    });

    test.each(Object.entries(LABELS))(
      "has %s with the labels that dashboards know",
      async (name, [type, ...labels]) => {
        const metric = (await scrape(target().url)).find((candidate) => candidate.name === name);
        expect(metric?.type).toBe(type);
        expect(metric?.samples).not.toEqual([]);
        for (const { labels: found } of metric!.samples) {
          const names = Object.keys(found).filter((label) => label !== "le");
          expect(names.toSorted()).toEqual(labels);
        }
      },
    );

    test("begins with every breaker closed", async () => {
      const samples = samplesOf(await scrape(target().url), "gateway_circuit_breaker_state");
      const states = Object.fromEntries(samples.map(({ labels, value }) => [labels.service, value]));
      const rpcServices = SERVICES.filter((label) => label !== "presence-service");
      for (const label of rpcServices) expect(states, label).toHaveProperty(label, 0);
      expect(SERVICES).toEqual(expect.arrayContaining(Object.keys(states)));
    });

    test("counts each request under its template, and never under a path", async () => {
      const { url } = target();
      const strange = [
        ["GET", "/api/v1/none/at-all"],
        ["GET", `/api/v1/tasks/${cast.taskId}/`],
        ["GET", `/api/v1/tasks/${cast.taskId}?x=1`],
        ["GET", `/api/v1/tasks/%74sk_none`],
        ["GET", "/api/v1/tasks/a/b/c"],
        ["GET", "//api//v1//tasks"],
        ["GET", `/health/${crypto.randomUUID()}`],
        ["GET", "/"],
        ["GET", `/${"long".repeat(500)}`],
        ["PATCH", `/api/v1/tasks/${cast.taskId}`],
        ["OPTIONS", `/api/v1/tasks/${cast.taskId}`],
        ["BREW", "/coffee"],
      ];
      await Promise.all(ROUTES_WITH_NEEDS.map((route) => callRoute(url, route, cast)));
      for (const [method, path] of strange) await call(url, `${method} ${path}`, { token: cast.client.token });
      const metrics = await scrape(url);
      const known = [...TEMPLATES, ...OPERATION_ROUTES, "unmatched"];
      for (const name of ["gateway_requests_total", "gateway_request_duration_seconds"]) {
        const routes = new Set(samplesOf(metrics, name).map(({ labels }) => labels.route!));
        expect(known, name).toEqual(expect.arrayContaining([...routes]));
        expect([...routes], name).toEqual(expect.arrayContaining([...new Set(TEMPLATES), "unmatched"]));
      }
      const methods = new Set(samplesOf(metrics, "gateway_requests_total").map(({ labels }) => labels.method));
      expect([...methods], "a client cannot make up a series").not.toContain("BREW");
    });

    const one = { method: "GET", route: "/api/v1/tasks/{task_id}" };
    const rows: readonly (readonly [why: string, status: string, code: string, task: () => string])[] = [
      ["an answer", "200", "OK", () => cast.taskId],
      ["what a service does not have", "404", "NOT_FOUND", () => "tsk_none"],
      ["what a service cannot do", "503", "UNAVAILABLE", () => cast.taskId],
      ["what nobody is asked about", "400", "", () => "-bad-"],
    ];
    test.each(rows)("moves with %s", async (_why, status, code, task) => {
      const { url, scripted } = target();
      if (code === "UNAVAILABLE") {
        scripted.tasks.answer({
          getTask: () => {
            throw new ConnectError("down", Code.Unavailable);
          },
        });
      }
      const called = { service: "task-service", method: "GetTask" };
      const read = async () => ({
        requests: await countOf(url, "gateway_requests_total", { ...one, status }),
        others: await countOf(url, "gateway_requests_total", one),
        observed: (await histogramOf(url, one)).count,
        service: code === "" ? 0 : await countOf(url, "gateway_service_calls_total", { ...called, status: code }),
        services: await countOf(url, "gateway_service_calls_total", called),
      });
      const before = await read();
      const answer = await call(url, `GET /api/v1/tasks/${task()}`, { token: cast.client.token });
      expect(String(answer.status)).toBe(status);
      const made = code === "" ? 0 : 1;
      expect(await read()).toEqual({
        requests: before.requests + 1,
        others: before.others + 1,
        observed: before.observed + 1,
        service: before.service + made,
        services: before.services + made,
      });
    });

    test("has a request among the active ones exactly while it is answered", async () => {
      const { url, scripted } = target();
      const active = async () => samplesOf(await scrape(url), "gateway_active_connections")[0]!.value;
      const before = await active();
      const arrived = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      scripted.tasks.answer({
        getTask: async () => {
          arrived.resolve();
          await release.promise;
          throw new ConnectError("gone", Code.NotFound);
        },
      });
      const waiting = call(url, `GET /api/v1/tasks/${cast.taskId}`, { token: cast.client.token });
      await arrived.promise;
      expect(await active()).toBe(before + 1);
      release.resolve();
      expect((await waiting).status).toBe(404);
      expect(await active()).toBe(before);
    });

    test("has a histogram whose sum is in seconds", async () => {
      const { url } = target();
      const { sum, count } = await histogramOf(url, {});
      expect(count).toBeGreaterThan(0);
      // In milliseconds it would be thousands of them: no request of this suite takes a minute.
      expect(sum / count).toBeLessThan(60);
    });
  });

  describe("the log has one line for a request", () => {
    type Row = readonly [
      kind: string,
      level: string,
      status: number,
      route: string,
      request: (cast: Cast) => readonly [string, CallOptions],
    ];
    const TASK = { title: "Log", skill_tags: ["x"], budget_lower_bound: 1, budget_upper_bound: 2 };
    const task = "/api/v1/tasks/{task_id}";
    const rows: readonly Row[] = [
      [
        "that reads",
        "info",
        200,
        task,
        ({ client, taskId }) => [`GET /api/v1/tasks/${taskId}`, { token: client.token }],
      ],
      [
        "that writes",
        "info",
        201,
        "/api/v1/tasks",
        ({ client }) => ["POST /api/v1/tasks", { token: client.token, body: TASK }],
      ],
      [
        "with a query",
        "info",
        200,
        "/api/v1/tasks",
        ({ client }) => ["GET /api/v1/tasks?limit=1", { token: client.token }],
      ],
      ["of nobody", "info", 401, task, ({ taskId }) => [`GET /api/v1/tasks/${taskId}`, {}]],
      [
        "of the wrong role",
        "info",
        403,
        "/api/v1/tasks",
        ({ developer }) => ["POST /api/v1/tasks", { token: developer.token, body: TASK }],
      ],
      [
        "that is wrong",
        "info",
        400,
        "/api/v1/tasks",
        ({ client }) => ["POST /api/v1/tasks", { token: client.token, body: {} }],
      ],
      [
        "for what does not exist",
        "info",
        404,
        task,
        ({ client }) => ["GET /api/v1/tasks/tsk_none", { token: client.token }],
      ],
      ["for no route", "info", 404, "unmatched", () => ["GET /api/v1/none", {}]],
      ["of the wrong method", "info", 405, "unmatched", ({ taskId }) => [`PATCH /api/v1/tasks/${taskId}`, {}]],
      [
        "that a service failed",
        "warn",
        502,
        "/api/v1/users/me",
        ({ client }) => ["GET /api/v1/users/me", { token: client.token }],
      ],
      ["that a probe makes", "debug", 200, "/health/ready", () => ["GET /health/ready", {}]],
      ["that Prometheus makes", "debug", 200, "/metrics", () => ["GET /metrics", {}]],
    ];
    test.each(rows)("%s, at level %s", async (_kind, level, status, route, request) => {
      const { url, scripted, log, untilLogged } = target();
      if (status === 502) {
        scripted.users.answer({
          getUser: () => {
            throw new ConnectError("why it failed is for the log", Code.Internal);
          },
        });
      }
      const requestId = `log-${crypto.randomUUID()}`;
      const [line, options] = request(cast);
      const answer = await call(url, line, { ...options, headers: { "x-request-id": requestId } });
      expect(answer.status).toBe(status);
      if (status >= 400) expect(answer.headers.get("content-type")).toBe(PROBLEM);

      await untilLogged();
      const lines = log.filter((entry) => entry.request_id === requestId);
      const [method, path] = line.split(" ");
      const verified = options.token !== undefined;
      expect(lines).toEqual([
        expect.objectContaining({
          timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          level,
          service: "gateway",
          request_id: requestId,
          method,
          url: path!.split("?")[0],
          route,
          status_code: status,
          duration_ms: expect.any(Number),
          ...(verified && { user_id: expect.stringMatching(/^usr_/) }),
          ...(status >= 400 && { code: answer.body.code }),
        }),
      ]);
      expect(lines[0]!.duration_ms).toBeGreaterThanOrEqual(0);
      if (status === 502) expect(JSON.stringify(lines[0]!.error)).toContain("why it failed is for the log");
    });
  });
}

async function histogramOf(url: string, labels: Readonly<Record<string, string>>) {
  const samples = samplesOf(await scrape(url), "gateway_request_duration_seconds");
  const total = (suffix: string) =>
    samples
      .filter(({ name }) => name.endsWith(suffix))
      .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0);
  return { sum: total("_sum"), count: total("_count") };
}
