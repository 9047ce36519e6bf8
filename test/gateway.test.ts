import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { UserType } from "#gen/platform/common/v1/common_pb.ts";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { loadConfig } from "#src/config.ts";
import { createGateway } from "#src/gateway.ts";
import type { Lifecycle } from "#src/ports.ts";
import { createMemoryBreaker } from "#src/upstream/memory-breaker.ts";
import { parsePrometheusText } from "./telemetry/prometheus-text.ts";

const PASSWORD = "Hunter2-hunter2";
const USER = { userId: "user-1", email: "me@example.com", displayName: "Me", userType: UserType.CLIENT };

/** A gateway without sockets, whose time and lifecycle a test sets, in front of a User Service that knows one account. */
async function setUp(env: Record<string, string> = {}) {
  let nowMs = Date.UTC(2030, 0, 2, 3, 4, 5);
  let lifecycle: Lifecycle = "ready";
  const lines: string[] = [];
  const now = () => nowMs;
  const config = loadConfig(
    { JWT_SECRET: "q7Tz!mW2vR9xLp4KdY8sBn3Hf6JcGa1E", LOG_LEVEL: "debug", ...env },
    { protocol: "connect" },
  );
  const users = createRouterTransport(({ service }) => {
    service(UserService, {
      authenticateUser({ password }) {
        if (password === PASSWORD) return { user: USER };
        throw new ConnectError("wrong password", Code.Unauthenticated);
      },
      getUser: () => ({ user: USER }),
    });
  });
  const nobody = createRouterTransport(() => {});
  const gateway = await createGateway(config, {
    now,
    writeLog: (line) => lines.push(line),
    transports: { users, tasks: nobody, recommendation: nobody, orchestrator: nobody },
    createBreaker: (_service, setup) => createMemoryBreaker(setup),
    fetch: async () => new Response("ok"),
    redis: undefined,
    keepAlive: () => {},
    lifecycle: () => lifecycle,
    shouldShed: () => false,
  });
  const ask = (request: string, init: RequestInit = {}): Promise<Response> => {
    const [method = "", path = ""] = request.split(" ", 2);
    const sent = new Request(`http://gateway.test${path}`, { method, ...init });
    return Promise.resolve(gateway.fetch(sent, { peerAddress: "192.0.2.1" }));
  };
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    ask(`POST ${path}`, { headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });
  const signIn = async (): Promise<{ access_token: string; refresh_token: string }> =>
    (await post("/api/v1/auth/login", { email: USER.email, password: PASSWORD })).json();
  const me = (token: string) => ask("GET /api/v1/auth/me", { headers: { Authorization: `Bearer ${token}` } });
  return {
    ask,
    post,
    signIn,
    me,
    lines,
    advance: (ms: number) => {
      nowMs += ms;
    },
    enter: (next: Lifecycle) => {
      lifecycle = next;
    },
  };
}

describe("readiness", () => {
  test("is there only between the start and the stop; liveness all the time", async () => {
    const { ask, enter } = await setUp();
    const answers: unknown[] = [];
    for (const lifecycle of ["starting", "ready", "stopping"] as const) {
      enter(lifecycle);
      const ready = await ask("GET /health/ready");
      answers.push([ready.status, await ready.json(), (await ask("GET /health/live")).status]);
    }
    expect(answers).toEqual([
      [503, { status: "not ready", reason: "starting" }, 200],
      [200, { status: "ready" }, 200],
      [503, { status: "not ready", reason: "stopping" }, 200],
    ]);
  });
});

describe("a refresh token", () => {
  test("used again within ten seconds is answered in the same session", async () => {
    const { post, signIn, me, advance } = await setUp();
    const { refresh_token } = await signIn();
    await post("/api/v1/auth/refresh", { refresh_token });
    advance(10_000);
    const again = await post("/api/v1/auth/refresh", { refresh_token });
    expect(again.status).toBe(200);
    expect((await me((await again.json()).access_token)).status).toBe(200);
  });

  test("used again later ends the session, its newest tokens and its access tokens included", async () => {
    const { post, signIn, me, advance } = await setUp();
    const first = await signIn();
    const second = await (await post("/api/v1/auth/refresh", { refresh_token: first.refresh_token })).json();
    advance(10_001);
    expect((await me(second.access_token)).status).toBe(200);
    const replayed = await post("/api/v1/auth/refresh", { refresh_token: first.refresh_token });
    expect(replayed.status).toBe(401);
    expect((await post("/api/v1/auth/refresh", { refresh_token: second.refresh_token })).status).toBe(401);
    expect((await me(first.access_token)).status).toBe(401);
    expect((await me(second.access_token)).status).toBe(401);
    expect((await me((await signIn()).access_token)).status).toBe(200);
  });

  test("ends with its session, however often it was used", async () => {
    const { post, signIn, advance } = await setUp({ JWT_REFRESH_EXPIRATION_DAYS: "2" });
    const { refresh_token } = await signIn();
    advance(86_400_000);
    const next = await (await post("/api/v1/auth/refresh", { refresh_token })).json();
    advance(86_400_001);
    expect((await post("/api/v1/auth/refresh", { refresh_token: next.refresh_token })).status).toBe(401);
  });
});

test("an access token ends when it says so", async () => {
  const { signIn, me, advance } = await setUp({ JWT_EXPIRATION_HOURS: "0.25" });
  const { access_token } = await signIn();
  advance(900_000 - 1);
  expect((await me(access_token)).status).toBe(200);
  advance(1);
  expect((await me(access_token)).status).toBe(401);
});

describe("the log", () => {
  test("has no token, password or body, whatever is sent where and whatever becomes of it", async () => {
    const { ask, post, signIn, me, lines } = await setUp();
    const { access_token, refresh_token } = await signIn();
    await me(access_token);
    await me(`${access_token}x`);
    await ask(`GET /api/v1/auth/me?access_token=${access_token}`);
    await ask(`GET /no/such/route?access_token=${access_token}`, {
      headers: { Authorization: `Bearer ${access_token}` },
    });
    await ask(`GET /api/v1/tasks/t-1?password=${PASSWORD}`, { headers: { Authorization: `Bearer ${access_token}` } });
    await post("/api/v1/auth/login", { email: USER.email, password: `${PASSWORD}-wrong` });
    await post("/api/v1/auth/login", { email: PASSWORD, password: PASSWORD });
    await post("/api/v1/auth/login", { email: USER.email, password: [PASSWORD] });
    await post("/api/v1/auth/register", { email: "x", password: PASSWORD, display_name: "", user_type: PASSWORD });
    await post("/api/v1/auth/refresh", { refresh_token });
    await post("/api/v1/auth/refresh", { refresh_token: `${refresh_token}x` });
    await post("/api/v1/auth/logout", { refresh_token }, { Authorization: `Bearer ${access_token}` });
    const headers = { "Content-Type": "application/json" };
    for (const body of [`{"password": ${PASSWORD}}`, `${PASSWORD}`, `{"email":"${PASSWORD}`, `"${PASSWORD}"`]) {
      await ask("POST /api/v1/auth/login", { headers, body });
    }
    await ask("POST /api/v1/auth/login", { headers: { "Content-Type": `text/${PASSWORD}` }, body: PASSWORD });

    expect(lines.length).toBe(18);
    const text = lines.join("\n");
    for (const secret of [PASSWORD, access_token, refresh_token]) expect(text).not.toContain(secret);
  });

  test("has no password that stands where a name should, but the name that is wrong", async () => {
    const { post, lines } = await setUp();
    const answer = await post("/api/v1/auth/login", { email: USER.email, pasword: PASSWORD });
    expect((await answer.json()).errors).toContainEqual(expect.objectContaining({ field: "pasword" }));
    expect(lines.join()).not.toContain(PASSWORD);
  });

  test("names each request's route by its template, and what matches none unmatched", async () => {
    const { ask, lines } = await setUp();
    await ask("GET /api/v1/tasks/t-1");
    await ask("GET /api/v1/tasks/t-1/");
    await ask("GET /no/such/route");
    await ask("PATCH /api/v1/tasks/t-1");
    const routes = lines.map((line) => JSON.parse(line)).map(({ route, status_code }) => [route, status_code]);
    expect(routes).toEqual([
      ["/api/v1/tasks/{task_id}", 401],
      ["/api/v1/tasks/{task_id}", 401],
      ["unmatched", 404],
      ["unmatched", 405],
    ]);
  });
});

describe("/metrics", () => {
  test("is text for Prometheus, in which no path of a client stands", async () => {
    const { ask } = await setUp();
    for (const path of ["a", "b", "c"]) await ask(`GET /hunter2/${path}`);
    await ask("GET /api/v1/tasks/hunter2");
    const answer = await ask("GET /metrics");
    expect(answer.headers.get("Content-Type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await answer.text();
    const requests = parsePrometheusText(text).find(({ name }) => name === "gateway_requests_total");
    expect(requests?.samples.map(({ labels, value }) => [labels.route, labels.status, value])).toEqual([
      ["unmatched", "404", 3],
      ["/api/v1/tasks/{task_id}", "401", 1],
    ]);
    expect(text).not.toContain("hunter2");
  });

  test("asks for the token where one is configured", async () => {
    const { ask } = await setUp({ METRICS_TOKEN: "for-scrapes" });
    expect((await ask("GET /metrics")).status).toBe(401);
    expect((await ask("GET /metrics", { headers: { Authorization: "Bearer other" } })).status).toBe(401);
    expect((await ask("GET /metrics", { headers: { Authorization: "Bearer for-scrapes" } })).status).toBe(200);
  });
});

describe("a preflight", () => {
  const headers = { Origin: "http://localhost:3000", "Access-Control-Request-Method": "PUT" };

  test("hears the methods that the path has", async () => {
    const answer = await (await setUp()).ask("OPTIONS /api/v1/tasks/t-1", { headers });
    expect(answer.status).toBe(204);
    expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("http://localhost:3000");
    expect(answer.headers.get("Access-Control-Allow-Methods")).toBe("DELETE, GET, HEAD, OPTIONS, PUT");
    expect(answer.headers.get("Vary")).toBe("Access-Control-Request-Method, Access-Control-Request-Headers, Origin");
    expect(answer.headers.get("X-Request-Id")).not.toBeNull();
  });

  test("needs no token, and an ordinary OPTIONS neither", async () => {
    const { ask } = await setUp();
    const answer = await ask("OPTIONS /api/v1/tasks");
    expect([answer.status, answer.headers.get("Allow")]).toEqual([204, "GET, HEAD, OPTIONS, POST"]);
    expect((await ask("OPTIONS /no/such/route")).status).toBe(404);
  });
});
