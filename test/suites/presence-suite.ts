import { beforeAll, describe, expect, test } from "vitest";
import { call, type Person, register } from "../support/gateway-under-test.ts";
import { countOf } from "../support/scrape.ts";
import type { PresenceAnswer, ScriptedPresence } from "../support/scripted-presence.ts";
import type { SuiteTarget } from "./suite-target.ts";

export interface PresenceTarget extends SuiteTarget {
  /** Stands in the Presence Service's place. */
  readonly presence: ScriptedPresence;
  /** Somewhere that nobody has to call. */
  readonly elsewhere: ScriptedPresence;
  /** What the gateway has logged so far, an object a line. */
  readonly log: readonly Record<string, unknown>[];
  untilLogged(): Promise<void>;
}

type Row = readonly [what: string, counted: string, answer: PresenceAnswer];

/** Route 8 and the Presence Service, which is told and need not listen. */
export function presenceSuite(target: () => PresenceTarget): void {
  let developer: Person;
  let path: string;
  beforeAll(async () => {
    const { url } = target();
    developer = await register(url, "DEVELOPER");
    path = `/api/v1/users/developers/${developer.userId}`;
    const body = { display_name: "Presence", email: developer.email, skill_tags: ["presence"] };
    const { status } = await call(url, "POST /api/v1/users/developers", { token: developer.token, body });
    expect(status).toBe(201);
  });
  const change = (presence: string, headers: Record<string, string> = {}) =>
    call(target().url, `PUT ${path}/presence`, { token: developer.token, body: { presence }, headers });
  const told = (status: string) =>
    countOf(target().url, "gateway_service_calls_total", {
      service: "presence-service",
      method: "SetPresence",
      status,
    });

  test.each([
    ["SEARCHING", "SEARCHING", "the short name"],
    ["USER_PRESENCE_STATUS_IDLE", "IDLE", "the long name on the way in"],
    ["offline", "OFFLINE", "any letter case on the way in"],
  ])("%s is told as %s: %s", async (given, name) => {
    const { presence } = target();
    const requestId = `presence-${crypto.randomUUID()}`;
    const planted = { "x-request-id": requestId, "x-user-id": "usr_planted", cookie: "planted=1" };
    expect((await change(given, planted)).status).toBe(200);
    const find = () => presence.told.find(({ headers }) => headers["x-request-id"] === requestId);
    await expect.poll(find, { timeout: 15_000 }).toBeDefined();
    const { method, path: toldPath, body, headers } = find()!;
    expect([method, toldPath]).toEqual(["POST", "/api/v1/presence"]);
    expect(JSON.parse(body)).toEqual({ user_id: developer.userId, status: name });
    expect(headers["content-type"]).toMatch(/^application\/json/);
    expect(headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);
    // Nothing that the client sent comes along.
    expect(headers).not.toHaveProperty("authorization");
    expect(headers).not.toHaveProperty("cookie");
    expect(Object.values(headers)).not.toContain("usr_planted");
  });

  // HTTP has no codes of gRPC: the metric has those that gRPC gives to an HTTP status, so one query counts all services.
  const rows: readonly Row[] = [
    ["takes it", "OK", (_request, response) => void response.writeHead(204).end()],
    [
      "does not know the call, as the deployed one",
      "UNIMPLEMENTED",
      (_request, response) => void response.writeHead(404).end(),
    ],
    ["fails", "UNKNOWN", (_request, response) => void response.writeHead(500).end("at db (db.js:1:1)")],
    ["refuses us", "UNAUTHENTICATED", (_request, response) => void response.writeHead(401).end()],
    ["is not there, says its proxy", "UNAVAILABLE", (_request, response) => void response.writeHead(503).end()],
    [
      "is a web page",
      "UNKNOWN",
      (_request, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<p>"),
    ],
    ["never answers", "DEADLINE_EXCEEDED", () => {}],
    ["cuts the connection", "UNAVAILABLE", (request) => void request.socket.destroy()],
    ["speaks no HTTP", "UNAVAILABLE", (request) => void request.socket.end("220 mail.example ESMTP\r\n")],
    [
      "says OK and never stops talking",
      "OK",
      (_request, response) => void response.writeHead(200).write("x".repeat(100_000)),
    ],
    [
      "sends us elsewhere",
      "UNKNOWN",
      (_request, response) =>
        void response.writeHead(307, { location: `${target().elsewhere.url}/api/v1/presence` }).end(),
    ],
  ];
  describe.each(rows)("a Presence Service that %s", (_what, status, answer) => {
    test(`changes nothing for the client, and counts as ${status}`, async () => {
      const { url, presence, elsewhere, log, untilLogged } = target();
      const before = await told(status);
      presence.answer(answer);
      const requestId = `presence-${crypto.randomUUID()}`;
      const answered = await change("SEARCHING", { "x-request-id": requestId });
      expect(answered).toMatchObject({ status: 200, body: { message: expect.any(String) } });
      const profile = await call(url, `GET ${path}`, { token: developer.token });
      expect(profile.body.presence, "the User Service has the truth").toBe("SEARCHING");

      await expect.poll(() => told(status), { timeout: 15_000 }).toBe(before + 1);
      await untilLogged();
      const lines = log.filter((line) => line.request_id === requestId);
      const request = expect.objectContaining({ message: "request", status_code: 200 });
      const warning = expect.objectContaining({ level: "warn", service: "gateway", user_id: developer.userId });
      expect(lines).toEqual(status === "OK" ? [request] : expect.arrayContaining([request, warning]));
      expect(lines).toHaveLength(status === "OK" ? 1 : 2);
      expect(elsewhere.told).toEqual([]);
    });
  });

  test("one that only says /healthz, as the deployed one, is healthy", async () => {
    const { url, presence } = target();
    presence.answer(({ url: asked }, response) => void response.writeHead(asked === "/healthz" ? 200 : 404).end("ok"));
    // What was found is kept for a second.
    const health = async () => (await call(url, "GET /health/detailed")).body.services["presence-service"];
    await expect.poll(health, { timeout: 15_000, interval: 200 }).toBe("healthy");
    presence.answer((_request, response) => void response.writeHead(503).end());
    await expect.poll(health, { timeout: 15_000, interval: 200 }).toBe("unhealthy");
  });
}
