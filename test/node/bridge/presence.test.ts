import { expect, onTestFinished, test } from "vitest";
import { freePort } from "#platform/net/free-port.ts";
import { call } from "../../support/gateway-under-test.ts";
import { startRawServer } from "../../support/raw-server.ts";
import { type ScriptedPresence, startScriptedPresence } from "../../support/scripted-presence.ts";
import { eventually } from "../../support/upstream.ts";
import { startBridgeUnderTest } from "./bridge-under-test.ts";

const NOBODY = "127.0.0.1:1";
const TELL = "POST /api/v1/presence";
const BODY = { user_id: "usr_1", status: "IDLE" };

async function startPresence(): Promise<ScriptedPresence> {
  const presence = await startScriptedPresence();
  onTestFinished(() => presence.stop());
  return presence;
}

test("a call of the Presence Service is passed on, with no more of its headers than that needs", async () => {
  const presence = await startPresence();
  const { url, secret } = await startBridgeUnderTest(NOBODY, { PRESENCE_SERVICE_URL: presence.url });
  presence.answer((_request, response) =>
    response.writeHead(201, { "content-type": "application/json", "x-internal": "1" }).end('{"status":"IDLE"}'),
  );
  const headers = { "x-request-id": "req-7", cookie: "a=1", "x-user-role": "ADMIN", traceparent: "00-1-2-00" };
  const answer = await call(url, TELL, { token: secret, headers, body: BODY });

  expect([answer.status, answer.body, answer.headers.get("x-internal")]).toEqual([201, { status: "IDLE" }, null]);
  const [told] = presence.told;
  expect([told!.method, told!.path, JSON.parse(told!.body)]).toEqual(["POST", "/api/v1/presence", BODY]);
  expect(told!.headers).toMatchObject({ "x-request-id": "req-7", traceparent: "00-1-2-00" });
  expect(Object.keys(told!.headers)).not.toContain("authorization");
  expect(Object.keys(told!.headers)).not.toContain("cookie");
  expect(Object.keys(told!.headers)).not.toContain("x-user-role");
  expect((await call(url, "GET /healthz", { token: secret })).status).toBe(201);
});

test("without the secret the Presence Service hears nothing", async () => {
  const presence = await startPresence();
  const { url } = await startBridgeUnderTest(NOBODY, { PRESENCE_SERVICE_URL: presence.url });
  expect((await call(url, TELL, { body: BODY })).status).toBe(401);
  expect((await call(url, "GET /healthz")).status).toBe(401);
  expect(presence.told).toEqual([]);
});

test("what it answers goes back as it is; a redirect is not followed", async () => {
  const presence = await startPresence();
  const { url, secret } = await startBridgeUnderTest(NOBODY, { PRESENCE_SERVICE_URL: presence.url });
  for (const status of [204, 302, 404, 500]) {
    presence.answer((_request, response) => response.writeHead(status, { location: presence.url }).end());
    const answer = await call(url, TELL, { token: secret, body: BODY });
    expect([answer.status, answer.headers.get("location")]).toEqual([status, null]);
  }
  expect(presence.told.length).toBe(4);
});

test("unreachable is 503, silence 504, a large body 413; each with its line", async () => {
  const silent = await startRawServer(() => {});
  const gone = await startBridgeUnderTest(NOBODY, { PRESENCE_SERVICE_URL: `127.0.0.1:${await freePort()}` });
  expect((await call(gone.url, TELL, { token: gone.secret, body: BODY })).status).toBe(503);

  const bridge = await startBridgeUnderTest(NOBODY, {
    PRESENCE_SERVICE_URL: `127.0.0.1:${silent.port}`,
    UPSTREAM_TIMEOUT: "0.2",
  });
  expect((await call(bridge.url, TELL, { token: bridge.secret, body: BODY })).status).toBe(504);
  const large = { ...BODY, metadata: "x".repeat(70_000) };
  expect((await call(bridge.url, TELL, { token: bridge.secret, body: large })).status).toBe(413);
  await eventually(() => bridge.log.length === 3, "both are logged");
  expect(bridge.log.slice(1)).toMatchObject([
    { message: "presence", level: "warn", status_code: 504 },
    { message: "presence", level: "info", status_code: 413 },
  ]);
});

test("an answer that breaks off breaks off", async () => {
  const presence = await startPresence();
  presence.answer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.write("[", () => response.destroy());
  });
  const { url, secret } = await startBridgeUnderTest(NOBODY, { PRESENCE_SERVICE_URL: presence.url });
  await expect(call(url, TELL, { token: secret, body: BODY })).rejects.toThrow();
});

test("beyond the limit it is 503 at once, and a place that is left is free", async () => {
  const presence = await startPresence();
  const { url, secret } = await startBridgeUnderTest(NOBODY, {
    PRESENCE_SERVICE_URL: presence.url,
    BRIDGE_MAX_IN_FLIGHT: "1",
  });
  const { promise: asked, resolve: answer } = Promise.withResolvers<() => void>();
  presence.answer((_request, response) => answer(() => response.end("{}")));
  const first = call(url, TELL, { token: secret, body: BODY });
  const finish = await asked;
  expect((await call(url, TELL, { token: secret, body: BODY })).status).toBe(503);
  finish();
  expect((await first).status).toBe(200);
  presence.answer((_request, response) => void response.end("{}"));
  await eventually(() => presence.told.length === 1, "the refused one was not passed on");
  expect((await call(url, TELL, { token: secret, body: BODY })).status).toBe(200);
});
