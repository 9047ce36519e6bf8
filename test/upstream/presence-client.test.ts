import { describe, expect, test } from "vitest";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { freePort } from "#platform/net/free-port.ts";
import { createGatewayMetrics } from "#src/telemetry/gateway-metrics.ts";
import { createLogger } from "#src/telemetry/logger.ts";
import { createPresenceClient } from "#src/upstream/presence-client.ts";
import { startTestPlatform } from "../platform/support/start-test-platform.ts";
import { type HttpBehaviour, startHttpRecorder } from "../support/http-recorder.ts";
import { startRawServer } from "../support/raw-server.ts";
import { eventually, PLENTY_MS, requestContext, serviceCalls } from "../support/upstream.ts";

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

function openPresence(url: string) {
  const lines: Record<string, unknown>[] = [];
  const metrics = createGatewayMetrics();
  const logger = createLogger({ level: "info", write: (line) => lines.push(JSON.parse(line)), now: Date.now });
  const presence = createPresenceClient({ url, fetch, metrics, logger });
  return { presence, lines, calls: () => serviceCalls(metrics) };
}

const json = (status: number, body: string): HttpBehaviour => {
  return (response) => response.writeHead(status, { "content-type": "application/json" }).end(body);
};
const RECORD = '{"user_id":"usr_ada","status":"IDLE","last_seen":"2026-01-01T00:00:00Z"}';

describe("telling the Presence Service", () => {
  test("sends the user, the short name and our ids, and nothing else of the request", async () => {
    const server = await startHttpRecorder(json(200, RECORD));
    const { presence, lines, calls } = openPresence(server.url);
    const caller = {
      userId: "usr_ada",
      role: Role.DEVELOPER,
      sessionId: "ses_secret",
      tokenId: "jti_secret",
      issuedAtSeconds: 1,
      expiresAtSeconds: 2,
    };
    await presence.tell("usr_ada", "IDLE", requestContext({ requestId: "req-7", traceparent: TRACEPARENT, caller }));
    const { method, url, headers, body } = server.requests[0]!;
    expect([method, url]).toEqual(["POST", "/api/v1/presence"]);
    expect(JSON.parse(body)).toEqual({ user_id: "usr_ada", status: "IDLE" });
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "x-request-id": "req-7",
      traceparent: TRACEPARENT,
    });
    expect(JSON.stringify(headers)).not.toMatch(/secret|authorization|cookie/);
    expect(calls()).toEqual({ "presence-service SetPresence OK": 1 });
    expect(lines).toEqual([]);
  });

  test("reaches the stand-in, which knows it afterwards", async () => {
    const { services } = await startTestPlatform();
    const { presence, calls } = openPresence(services.presence.url);
    await presence.tell("usr_ada", "SEARCHING", requestContext());
    expect(calls()).toEqual({ "presence-service SetPresence OK": 1 });
    const record = await (await fetch(`${services.presence.url}/api/v1/presence/usr_ada`)).json();
    expect(record).toMatchObject({ user_id: "usr_ada", status: "SEARCHING" });
  });

  test.each<[what: string, behave: HttpBehaviour, status: string]>([
    ["201 with the record", json(201, RECORD), "OK"],
    ["204 without a body", (response) => response.writeHead(204).end(), "OK"],
    // Go's own server says text/plain of JSON that nobody named.
    [
      "JSON under another name",
      (response) => response.writeHead(200, { "content-type": "text/plain" }).end("{}"),
      "OK",
    ],
    ["a body that is no JSON, which nobody reads", json(200, "{{{"), "OK"],
    ["404, as the deployed one answers", (response) => response.writeHead(404).end("not found"), "UNIMPLEMENTED"],
    ["405", (response) => response.writeHead(405).end(), "UNIMPLEMENTED"],
    ["501", (response) => response.writeHead(501).end(), "UNIMPLEMENTED"],
    ["400", json(400, '{"error":"10.0.0.7"}'), "INTERNAL"],
    ["401", json(401, "{}"), "UNAUTHENTICATED"],
    ["403", json(403, "{}"), "PERMISSION_DENIED"],
    ["429", json(429, "{}"), "UNAVAILABLE"],
    ["500", json(500, "{}"), "UNKNOWN"],
    ["502", json(502, "{}"), "UNAVAILABLE"],
    ["503", json(503, "{}"), "UNAVAILABLE"],
    ["504", json(504, "{}"), "UNAVAILABLE"],
    [
      "HTML with 200, a login page",
      (response) => response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<html>"),
      "UNKNOWN",
    ],
    ["a dropped connection", (response) => response.destroy(), "UNAVAILABLE"],
    ["no HTTP", (response) => response.socket!.end("220 mail.example ESMTP\r\n"), "UNAVAILABLE"],
  ])("%s counts as it is, and never rejects", async (_what, behave, status) => {
    const server = await startHttpRecorder(behave);
    const { presence, lines, calls } = openPresence(server.url);
    await presence.tell("usr_ada", "IDLE", requestContext({ requestId: "req-7" }));
    expect(calls()).toEqual({ [`presence-service SetPresence ${status}`]: 1 });
    expect(lines.map(({ level, message, request_id, user_id }) => [level, message, request_id, user_id])).toEqual(
      status === "OK" ? [] : [["warn", "the presence service was not told", "req-7", "usr_ada"]],
    );
    if (status !== "OK") expect(lines[0]).toMatchObject({ error: { name: expect.any(String) } });
  });

  test.each([301, 302, 303, 307, 308])("a redirect by %d is not followed", async (status) => {
    const elsewhere = await startHttpRecorder(json(200, RECORD));
    const server = await startHttpRecorder((response) =>
      response.writeHead(status, { location: `${elsewhere.url}/api/v1/presence` }).end(),
    );
    const { presence, lines, calls } = openPresence(server.url);
    await presence.tell("usr_ada", "IDLE", requestContext());
    expect(calls()).toEqual({ "presence-service SetPresence UNKNOWN": 1 });
    expect(lines).toHaveLength(1);
    expect(elsewhere.requests).toEqual([]);
  });

  test.each<[what: string, behave: HttpBehaviour, status: string]>([
    ["before headers", () => {}, "DEADLINE_EXCEEDED"],
    // The status is known, and the rest is of no use.
    ["after headers", (response) => response.writeHead(200, { "content-length": 10 }).flushHeaders(), "OK"],
  ])("silence %s ends within the second", async (_when, behave, status) => {
    const server = await startHttpRecorder(behave);
    const { presence, calls } = openPresence(server.url);
    const started = performance.now();
    await presence.tell("usr_ada", "IDLE", requestContext());
    expect(calls()).toEqual({ [`presence-service SetPresence ${status}`]: 1 });
    if (status !== "OK") expect(performance.now() - started).toBeGreaterThan(900);
    await eventually(() => server.requests[0]!.cut, "the connection is let go");
  });

  test("a port that says nothing at all ends within the second", async () => {
    const raw = await startRawServer(() => {});
    const { presence, calls } = openPresence(`http://127.0.0.1:${raw.port}`);
    await presence.tell("usr_ada", "IDLE", requestContext());
    expect(calls()).toEqual({ "presence-service SetPresence DEADLINE_EXCEEDED": 1 });
  });

  test("an answer of 64 MB is not read", async () => {
    const piece = Buffer.alloc(65_536);
    let sent = 0;
    const server = await startHttpRecorder((response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": 64 * 1_048_576 });
      const send = () => {
        while (sent < 64 * 1_048_576 && !response.destroyed) {
          sent += piece.byteLength;
          if (!response.write(piece)) return void response.once("drain", send);
        }
      };
      send();
    });
    const { presence, calls } = openPresence(server.url);
    await presence.tell("usr_ada", "IDLE", requestContext());
    expect(calls()).toEqual({ "presence-service SetPresence OK": 1 });
    await eventually(() => server.requests[0]!.cut, "the connection is let go");
    // What the two sockets hold between them may have been sent, and no more.
    expect(sent).toBeLessThan(32 * 1_048_576);
  });

  test("a refused connection is UNAVAILABLE", async () => {
    const { presence, lines, calls } = openPresence(`http://127.0.0.1:${await freePort()}`);
    await presence.tell("usr_ada", "IDLE", requestContext());
    expect(calls()).toEqual({ "presence-service SetPresence UNAVAILABLE": 1 });
    expect(lines).toHaveLength(1);
  });

  test("a hundred answers that nobody reads hold no connections", async () => {
    const server = await startHttpRecorder(json(200, RECORD));
    const { presence } = openPresence(server.url);
    for (let n = 0; n < 100; n++) await presence.tell("usr_ada", "IDLE", requestContext());
    expect(server.socketCount()).toBeLessThan(10);
  });
});

describe("the Presence Service's health", () => {
  test("is well where /healthz answers 200", async () => {
    const server = await startHttpRecorder((response) => response.end("ok"));
    await openPresence(server.url).presence.checkHealth(PLENTY_MS);
    expect(server.requests.map(({ method, url }) => [method, url])).toEqual([["GET", "/healthz"]]);
  });

  test("is well at the stand-in", async () => {
    const { services } = await startTestPlatform();
    await openPresence(services.presence.url).presence.checkHealth(PLENTY_MS);
  });

  test.each<[what: string, behave: HttpBehaviour, timeoutMs: number]>([
    ["404", (response) => response.writeHead(404).end(), PLENTY_MS],
    ["503", (response) => response.writeHead(503).end(), PLENTY_MS],
    ["a redirect", (response) => response.writeHead(302, { location: "/ok" }).end(), PLENTY_MS],
    ["a dropped connection", (response) => response.destroy(), PLENTY_MS],
    ["silence", () => {}, 300],
  ])("is not well with %s", async (_what, behave, timeoutMs) => {
    const server = await startHttpRecorder(behave);
    await expect(openPresence(server.url).presence.checkHealth(timeoutMs)).rejects.toThrow();
  });

  test("is not well where nobody listens", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    await expect(openPresence(url).presence.checkHealth(PLENTY_MS)).rejects.toThrow();
  });
});
