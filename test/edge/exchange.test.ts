import { describe, expect, test, vi } from "vitest";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { createCors } from "#src/edge/cors.ts";
import { createExchanges, type Exchange, type ExchangeRoute } from "#src/edge/exchange.ts";
import { authenticationError, GatewayError } from "#src/errors.ts";
import { NO_ERROR_REPORTS } from "#src/telemetry/error-reports.ts";
import { createGatewayMetrics } from "#src/telemetry/gateway-metrics.ts";
import { createLogger } from "#src/telemetry/logger.ts";
import { parsePrometheusText, type Sample } from "../telemetry/prometheus-text.ts";

const NOW_MS = Date.UTC(2030, 0, 2, 3, 4, 5, 678);
const ROUTE: ExchangeRoute = { label: "/api/v1/tasks/{task_id}" };
const MADE_UP_ID = /^[0-9a-f-]{36}$/;

interface Asked {
  readonly url?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly route?: ExchangeRoute;
}

function setUp({ shed = false, errorReporter = NO_ERROR_REPORTS } = {}) {
  const lines: string[] = [];
  const metrics = createGatewayMetrics();
  const logger = createLogger({ level: "debug", write: (line) => lines.push(line), now: () => NOW_MS });
  const cors = createCors(["https://app.example.com"]);
  const exchanges = createExchanges({
    logger,
    metrics,
    cors,
    now: () => NOW_MS,
    timeoutMs: 30_000,
    shouldShed: () => shed,
    errorReporter,
  });
  const ask = async (answer: (exchange: Exchange) => Promise<Response>, asked: Asked = {}) => {
    const { url = "http://gateway.test/api/v1/tasks/t-1", method = "GET", headers = {}, route = ROUTE } = asked;
    return exchanges(route)(new Request(url, { method, headers }), answer);
  };
  const log = (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line));
  const samples = (name: string): readonly Sample[] =>
    parsePrometheusText(metrics.render())
      .flatMap((metric) => metric.samples)
      .filter((sample) => sample.name === name);
  return { ask, lines, log, metrics, samples };
}

const fine = async () => Response.json({});

function fails(error: unknown) {
  return async (): Promise<Response> => {
    throw error;
  };
}

describe("every answer", () => {
  test.each([
    ["of success", fine],
    ["without a body", async () => new Response(null, { status: 204 })],
    ["of refusal", fails(new GatewayError("NOT_FOUND", "There is no such task."))],
    ["of an unexpected exception", fails(new TypeError("x is not a function"))],
  ])("%s tells browsers that it is data, for nobody's page, and on https for good", async (_name, answer) => {
    const { headers } = await setUp().ask(answer);
    expect(Object.fromEntries(headers)).toMatchObject({
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "strict-transport-security": "max-age=31536000",
    });
  });

  test("that is a document keeps its own policy", async () => {
    const headers = { "Content-Security-Policy": "default-src 'self'" };
    const answer = await setUp().ask(async () => new Response("<p>", { headers }));
    expect(answer.headers.get("content-security-policy")).toBe("default-src 'self'");
  });

  test.each([
    ["of success", fine],
    ["without a body", async () => new Response(null, { status: 204 })],
    ["of refusal", fails(new GatewayError("NOT_FOUND", "There is no such task."))],
    ["of an unexpected exception", fails(new TypeError("x is not a function"))],
  ])("%s carries the client's id, or a new one", async (_name, answer) => {
    const { ask } = setUp();
    expect((await ask(answer, { headers: { "X-Request-Id": "mine-1" } })).headers.get("X-Request-Id")).toBe("mine-1");
    expect((await ask(answer)).headers.get("X-Request-Id")).toMatch(MADE_UP_ID);
    expect((await ask(answer, { headers: { "X-Request-Id": "not fit" } })).headers.get("X-Request-Id")).toMatch(
      MADE_UP_ID,
    );
  });

  test.each([
    ["of success", fine],
    ["of refusal", fails(new GatewayError("NOT_FOUND", "There is no such task."))],
    ["of an unexpected exception", fails(new Error())],
  ])("%s may be read by pages of our origins, and varies by origin", async (_name, answer) => {
    const { ask } = setUp();
    const ours = await ask(answer, { headers: { Origin: "https://app.example.com" } });
    expect(ours.headers.get("Access-Control-Allow-Origin")).toBe("https://app.example.com");
    expect(ours.headers.get("Access-Control-Expose-Headers")).toContain("X-Request-Id");
    const foreign = await ask(answer, { headers: { Origin: "https://evil.example" } });
    expect(foreign.headers.has("Access-Control-Allow-Origin")).toBe(false);
    for (const { headers } of [ours, foreign, await ask(answer)]) expect(headers.get("Vary")).toBe("Origin");
  });

  test("replaces an id that a service put there", async () => {
    const { ask } = setUp();
    const answer = async () => new Response(null, { headers: { "X-Request-Id": "theirs" } });
    const headers = { "X-Request-Id": "mine-1" };
    expect((await ask(answer, { headers })).headers.get("X-Request-Id")).toBe("mine-1");
  });
});

describe("what is thrown", () => {
  test("on purpose is answered as it says", async () => {
    const { ask } = setUp();
    const answer = await ask(fails(authenticationError("The access token is not valid.", "invalid_token")));
    expect(answer.status).toBe(401);
    expect(answer.headers.get("WWW-Authenticate")).toBe('Bearer realm="devmatch", error="invalid_token"');
    expect(await answer.json()).toMatchObject({ code: "AUTHENTICATION_FAILED", instance: "/api/v1/tasks/t-1" });
  });

  const secret = "postgres://admin:hunter2@10.0.0.7:5432";
  test.each([
    ["an Error", new Error(secret)],
    ["an Error with a cause", new Error(secret, { cause: new Error(secret) })],
    ["a text", secret],
    ["an object", { message: secret, status: 418, errorCode: "NOT_FOUND", headers: { "X-Leak": secret } }],
    ["a Response", new Response(secret, { status: 418 })],
    ["nothing", undefined],
    ["null", null],
    ["an object without a prototype", Object.create(null)],
    ["an error without a text", Object.assign(new Error(), { message: undefined })],
  ])("by mistake, %s, is INTERNAL with one sentence, and nothing of the cause", async (_name, thrown) => {
    const { ask, log } = setUp();
    const answer = await ask(fails(thrown), { headers: { "X-Request-Id": "mine-1" } });
    const text = await answer.text();
    expect(answer.status).toBe(500);
    expect(JSON.parse(text)).toEqual({
      type: "about:blank",
      title: "Internal Server Error",
      status: 500,
      detail: "The gateway failed to answer this request.",
      instance: "/api/v1/tasks/t-1",
      code: "INTERNAL",
      message: "The gateway failed to answer this request.",
      request_id: "mine-1",
    });
    expect(JSON.stringify([...answer.headers])).not.toContain("hunter2");
    expect(log()).toEqual([expect.objectContaining({ level: "error", status_code: 500, code: "INTERNAL" })]);
  });

  test("before there is a promise is answered all the same: the gateway never rejects", async () => {
    const { ask, log } = setUp();
    const answer = await ask(() => {
      throw new Error("not asynchronous");
    });
    expect(answer.status).toBe(500);
    expect(log()).toHaveLength(1);
  });

  test("by mistake is in the log, whole", async () => {
    const { ask, log } = setUp();
    await ask(fails(new TypeError("x is not a function", { cause: new Error("inner") })));
    expect(log()[0]).toMatchObject({
      error: {
        name: "TypeError",
        message: "x is not a function",
        stack: expect.any(Array),
        cause: { message: "inner" },
      },
    });
  });
});

test("a service's trouble is in the log without our stack, and what has no cause has its own sentence", async () => {
  const { ask, log } = setUp();
  await ask(fails(new GatewayError("SERVICE_UNAVAILABLE", "Not now.", { cause: new Error("ECONNREFUSED") })));
  await ask(fails(new GatewayError("CIRCUIT_BREAKER_OPEN", "Not now.")));
  expect(log().map(({ error }) => error)).toEqual([
    { name: "Error", message: "ECONNREFUSED" },
    { name: "GatewayError", message: "Not now." },
  ]);
});

describe("the line that a request leaves", () => {
  const FIELDS = [
    "timestamp",
    "level",
    "service",
    "message",
    "request_id",
    "method",
    "url",
    "route",
    "status_code",
    "duration_ms",
    "trace_id",
  ];

  test("has the contract's fields (section 6), their types, and what else helps", async () => {
    const { ask, log } = setUp();
    await ask(fine, { headers: { "X-Request-Id": "mine-1" } });
    expect(log()).toEqual([
      {
        timestamp: "2030-01-02T03:04:05.678Z",
        level: "info",
        service: "gateway",
        message: "request",
        request_id: "mine-1",
        method: "GET",
        url: "/api/v1/tasks/t-1",
        route: "/api/v1/tasks/{task_id}",
        status_code: 200,
        duration_ms: expect.any(Number),
        trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
    ]);
    expect(Object.keys(log()[0]!)).toEqual(FIELDS);
  });

  test("names the caller, and the notes of the stages", async () => {
    const { ask, log } = setUp();
    await ask(async (exchange) => {
      exchange.caller = {
        userId: "user-1",
        role: Role.CLIENT,
        sessionId: "s",
        tokenId: "t",
        issuedAtSeconds: 0,
        expiresAtSeconds: 1,
      };
      exchange.note({ cache: "hit" });
      exchange.note({ attempts: 2n });
      return Response.json({});
    });
    expect(log()[0]).toMatchObject({ user_id: "user-1", cache: "hit", attempts: "2" });
  });

  test("says of a refusal which it was, and why", async () => {
    const { ask, log } = setUp();
    await ask(
      fails(authenticationError("The access token is not valid.", "invalid_token", new Error("access token: expired"))),
    );
    await ask(fails(new GatewayError("NOT_FOUND", "There is no such task.")));
    expect(log().map(({ level, status_code, code, error }) => [level, status_code, code, error])).toEqual([
      ["info", 401, "AUTHENTICATION_FAILED", "access token: expired"],
      ["info", 404, "NOT_FOUND", "There is no such task."],
    ]);
  });

  test("says warn for a service's failure and error for ours", async () => {
    const { ask, log } = setUp();
    await ask(fails(new GatewayError("SERVICE_UNAVAILABLE", "The task service is not available.")));
    await ask(fails(new Error("ours")));
    expect(log().map(({ level }) => level)).toEqual(["warn", "error"]);
  });

  test("of a probe that went well is for debugging only; of one that failed it is not", async () => {
    const { ask, log } = setUp();
    const route: ExchangeRoute = { label: "/health", level: "debug" };
    await ask(fine, { route });
    await ask(fails(new Error("ours")), { route });
    expect(log().map(({ level }) => level)).toEqual(["debug", "error"]);
  });

  test("is one, also when several requests run at once, each with its own notes", async () => {
    const { ask, log } = setUp();
    const answer = async (exchange: Exchange) => {
      exchange.note({ own: exchange.requestId });
      await Promise.resolve();
      return Response.json({});
    };
    await Promise.all(["a", "b", "c"].map((id) => ask(answer, { headers: { "X-Request-Id": id } })));
    expect(log().map(({ request_id, own }) => [request_id, own])).toEqual([
      ["a", "a"],
      ["b", "b"],
      ["c", "c"],
    ]);
  });

  test("is bounded, whatever the client and the failure bring", async () => {
    const { ask, lines } = setUp();
    const url = `http://gateway.test/${"p".repeat(100_000)}?${"q".repeat(100_000)}`;
    const cause = new Error("c".repeat(100_000));
    await ask(fails(new GatewayError("NOT_FOUND", "m".repeat(100_000), { cause })), {
      url,
      method: "M".repeat(10_000),
    });
    await ask(fails(new GatewayError("VALIDATION_ERROR", "m".repeat(100_000))), { url });
    await ask(fails(new GatewayError("UPSTREAM_ERROR", "m".repeat(100_000), { cause })), { url });
    for (const line of lines) expect(line.length).toBeLessThan(8_000);
  });

  test("has the path as it came, percent-encoded, without the query", async () => {
    const { ask, log } = setUp();
    await ask(fine, { url: "http://gateway.test/api/v1/tasks/a%0Ab%3Fc?access_token=hunter2" });
    expect(log()[0]?.url).toBe("/api/v1/tasks/a%0Ab%3Fc");
  });

  test("has nothing of the query, the headers and the body, whatever goes wrong", async () => {
    const { ask, lines } = setUp();
    const headers = {
      Authorization: "Bearer hunter2",
      Cookie: "session=hunter2",
      "X-Api-Key": "hunter2",
      "X-Request-Id": "hunter2 is not fit to be an id",
    };
    const url = "http://gateway.test/api/v1/tasks/t-1?token=hunter2";
    for (const answer of [fine, fails(new Error("ours")), fails(new GatewayError("ACCESS_DENIED", "No."))]) {
      await ask(answer, { url, headers });
    }
    expect(lines).toHaveLength(3);
    expect(lines.join()).not.toContain("hunter2");
  });
});

describe("while there is too much to do", () => {
  test("a request is 503 at once, and says when to come back", async () => {
    const { ask } = setUp({ shed: true });
    let served = false;
    const answer = await ask(async () => {
      served = true;
      return Response.json({});
    });
    expect([answer.status, answer.headers.get("Retry-After"), served]).toEqual([503, "1", false]);
    expect(await answer.json()).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
  });

  test("a probe is answered all the same", async () => {
    const { ask } = setUp({ shed: true });
    expect((await ask(fine, { route: { label: "/health/live", alwaysServed: true } })).status).toBe(200);
  });
});

describe("an error after the answer's head", () => {
  test("becomes a problem with the request's id, and a line of its own", async () => {
    const { ask, log } = setUp();
    let problem: { readonly body: object } | undefined;
    const answer = async (exchange: Exchange) => {
      problem = exchange.lateProblem(new Error("postgres://admin:hunter2@10.0.0.7"));
      return Response.json({});
    };
    await ask(answer, { headers: { "X-Request-Id": "mine-1" } });
    expect(problem?.body).toMatchObject({ code: "INTERNAL", request_id: "mine-1", instance: "/api/v1/tasks/t-1" });
    expect(JSON.stringify(problem)).not.toContain("hunter2");
    expect(log().map(({ level, message, request_id }) => [level, message, request_id])).toEqual([
      ["error", "a stream broke off", "mine-1"],
      ["info", "request", "mine-1"],
    ]);
  });

  const garbage = new GatewayError("UPSTREAM_ERROR", "The platform answered without the proposal.");
  const lost = new GatewayError("SERVICE_UNAVAILABLE", "It is not available.", { cause: new Error("UNAVAILABLE") });
  test.each([
    ["info", "our own stop", new GatewayError("SERVICE_UNAVAILABLE", "The gateway is stopping.")],
    ["info", "the caller's doing", new GatewayError("RATE_LIMIT_EXCEEDED", "Too many.")],
    ["warn", "a service that is gone", lost],
    ["warn", "a service's nonsense, which has no cause but itself", garbage],
  ])("is logged at %s where it is %s", async (level, _what, error) => {
    const { ask, log } = setUp();
    await ask(async (exchange) => Response.json(exchange.lateProblem(error).body));
    expect(log()[0]).toMatchObject({ level, message: "a stream broke off" });
  });
});

describe("whoever hears of bugs", () => {
  function setUpReports() {
    const reports: unknown[] = [];
    const errorReporter = { report: (...told: unknown[]) => void reports.push(told) };
    return { ...setUp({ errorReporter }), reports };
  }

  const origin = { kind: "request", requestId: "mine-1", route: "/api/v1/tasks/{task_id}", method: "GET" };
  const headers = { "X-Request-Id": "mine-1" };

  test("is told what was thrown, of which request and route", async () => {
    const { ask, reports } = setUpReports();
    const bug = new TypeError("x is not a function");
    await ask(fails(bug), { headers, url: "http://gateway.test/api/v1/tasks/hunter2?token=hunter2" });
    expect(reports).toEqual([[bug, origin]]);
  });

  test("is told of one that comes after the answer's head", async () => {
    const { ask, reports } = setUpReports();
    const bug = new TypeError("x is not a function");
    const late = async (exchange: Exchange) => {
      exchange.lateProblem(bug);
      return Response.json({});
    };
    await ask(late, { headers });
    expect(reports).toEqual([[bug, origin]]);
  });

  test.each([
    "NOT_FOUND",
    "AUTHENTICATION_FAILED",
    "CANCELLED",
    "UPSTREAM_ERROR",
    "SERVICE_UNAVAILABLE",
    "DEADLINE_EXCEEDED",
  ] as const)("is not told of %s, which is nobody's bug or a service's", async (code) => {
    const { ask, reports } = setUpReports();
    const failure = new GatewayError(code, "No.", { cause: new TypeError("of a service") });
    await ask(fails(failure));
    await ask(async (exchange) => {
      exchange.lateProblem(failure);
      return Response.json({});
    });
    expect(reports).toEqual([]);
  });
});

describe("metrics", () => {
  test("count by method, route template and status, and never by path", async () => {
    const { ask, samples } = setUp();
    await ask(fine);
    await ask(fine, { url: "http://gateway.test/api/v1/tasks/t-2" });
    await ask(fails(new GatewayError("NOT_FOUND", "No.")), { method: "DELETE" });
    expect(samples("gateway_requests_total").map(({ labels, value }) => [labels, value])).toEqual([
      [{ method: "GET", route: ROUTE.label, status: "200" }, 2],
      [{ method: "DELETE", route: ROUTE.label, status: "404" }, 1],
    ]);
    expect(samples("gateway_request_duration_seconds_count").map(({ labels, value }) => [labels, value])).toEqual([
      [{ method: "GET", route: ROUTE.label }, 2],
      [{ method: "DELETE", route: ROUTE.label }, 1],
    ]);
  });

  test.each(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])("know the method %s", async (method) => {
    const { ask, samples } = setUp();
    await ask(fine, { method });
    expect(samples("gateway_requests_total")[0]?.labels.method).toBe(method);
  });

  test("call every method that a client makes up other: there are endlessly many", async () => {
    const { ask, samples } = setUp();
    for (const method of ["BREW", "PROPFIND", "constructor", "get1", "Get2"]) await ask(fine, { method });
    expect(samples("gateway_requests_total").map(({ labels, value }) => [labels.method, value])).toEqual([
      ["other", 5],
    ]);
  });

  test("count a request as active while it is being answered, and not after, however it ended", async () => {
    const { ask, samples } = setUp();
    const active = () => samples("gateway_active_connections")[0]?.value;
    const seen: (number | undefined)[] = [];
    const outer = async () => {
      seen.push(active());
      await ask(async () => {
        seen.push(active());
        return Response.json({});
      });
      return Response.json({});
    };
    await ask(outer);
    expect(seen).toEqual([1, 2]);
    await ask(fails(new Error("ours")));
    expect(active()).toBe(0);
  });

  test("are in seconds", async () => {
    const { ask, samples } = setUp();
    await ask(fine);
    const sum = samples("gateway_request_duration_seconds_sum")[0]?.value ?? Number.NaN;
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThan(20);
  });
});

describe("what the stages are told of a request", () => {
  test("is its id, its deadline, a new trace, and no caller yet", async () => {
    const { ask } = setUp();
    let seen: Exchange | undefined;
    const headers = {
      "X-Request-Id": "mine-1",
      traceparent: "00-11111111111111111111111111111111-2222222222222222-01",
    };
    const answer = async (exchange: Exchange) => {
      seen = exchange;
      return Response.json({});
    };
    await ask(answer, { headers });
    expect(seen).toMatchObject({ requestId: "mine-1", deadlineAtMs: NOW_MS + 30_000, caller: undefined });
    expect(seen?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(seen?.traceparent).not.toContain("1111111111");
  });
});

describe("a route with error words of its own", () => {
  const own: ExchangeRoute = { ...ROUTE, refuse: ({ message }) => new Response(message, { status: 200 }) };

  test("tells its errors so, and is counted and logged by what went wrong, not by what it told", async () => {
    const { ask, log, samples } = setUp();
    const answer = await ask(fails(new GatewayError("NOT_FOUND", "There is no such task.")), { route: own });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe("There is no such task.");
    expect(answer.headers.get("X-Request-Id")).toMatch(MADE_UP_ID);
    expect(log()[0]).toMatchObject({ status_code: 404, code: "NOT_FOUND" });
    expect(samples("gateway_requests_total").map(({ labels }) => labels.status)).toEqual(["404"]);
  });

  test("answers a problem where it has none", async () => {
    const { ask } = setUp();
    const answer = await ask(fails(new Error()), { route: { ...own, refuse: () => undefined } });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
  });
});

test("a request that ends before it began, by a clock that was set back, took no time", async () => {
  // In workerd, performance.now() is the wall clock. A histogram whose sum falls would be taken for one that restarted.
  const clock = vi.spyOn(performance, "now").mockReturnValueOnce(5_000).mockReturnValue(3_000);
  try {
    const { ask, log, samples } = setUp();
    await ask(fine);
    expect(samples("gateway_request_duration_seconds_sum")).toMatchObject([{ value: 0 }]);
    expect(log()).toMatchObject([{ duration_ms: 0 }]);
  } finally {
    clock.mockRestore();
  }
});
