import { expect, test } from "vitest";
import { freePort } from "#platform/net/free-port.ts";
import { eventually } from "../../support/upstream.ts";
import { startBridgeUnderTest } from "./bridge-under-test.ts";

const METHOD = "/platform.users.v1.UserService/GetUser";

test("a call to a service that is gone leaves one line with the request's id, what happened, and no stack of ours", async () => {
  const bridge = await startBridgeUnderTest(`127.0.0.1:${await freePort()}`);
  const headers = {
    Authorization: `Bearer ${bridge.secret}`,
    "Content-Type": "application/json",
    "X-Request-Id": "r-1",
  };
  const answer = await fetch(`${bridge.url}${METHOD}`, { method: "POST", headers, body: "{}" });
  expect(answer.status).toBe(503);
  await eventually(() => bridge.log.some(({ message }) => message === "call"), "the call's line");
  const line = bridge.log.find(({ message }) => message === "call");
  expect(line).toMatchObject({
    level: "warn",
    request_id: "r-1",
    code: "UNAVAILABLE",
    error: { name: "ConnectError" },
  });
  expect(JSON.stringify(line)).toContain("ECONNREFUSED");
  expect(JSON.stringify(line)).not.toContain('"stack"');
});

test("a refusal can be found by the id of the request that met it", async () => {
  const bridge = await startBridgeUnderTest("127.0.0.1:9");
  const headers = { Authorization: "Bearer of-another-environment", "X-Request-Id": "r-2" };
  expect((await fetch(`${bridge.url}${METHOD}`, { method: "POST", headers })).status).toBe(401);
  expect(bridge.log.at(-1)).toMatchObject({ level: "warn", message: "refused", reason: "secret", request_id: "r-2" });
});
