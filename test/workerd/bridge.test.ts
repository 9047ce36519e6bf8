import { randomBytes } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { UserType } from "#gen/platform/common/v1/common_pb.ts";
import { startBridge } from "#src/node/bridge/start-bridge.ts";
import type { RunningGateway } from "#src/node/start-gateway.ts";
import { UPSTREAM_SERVICES } from "#src/upstream/services.ts";
import { startBridgeUnderTest } from "../node/bridge/bridge-under-test.ts";
import { type PlainGrpcServer, refusal, startPlainGrpcServer } from "../node/bridge/plain-grpc-server.ts";
import { accountsSuite } from "../suites/accounts-suite.ts";
import { developersSuite } from "../suites/developers-suite.ts";
import {
  call,
  type GatewayUnderTest,
  serviceAddresses,
  startGatewayOf,
  startPlatformUnderTest,
} from "../support/gateway-under-test.ts";
import { UNLIMITED } from "../support/unlimited.ts";

/** The variables of a Worker that reaches everything through the bridge. */
function bridged({ url, secret }: { readonly url: string; readonly secret: string }): Record<string, string> {
  const addresses = Object.fromEntries(UPSTREAM_SERVICES.map(({ urlVariable }) => [urlVariable, url]));
  return { ...UNLIMITED, ...addresses, PRESENCE_SERVICE_URL: url, BRIDGE_SECRET: secret };
}

describe.each(["connect", "grpc-web"])("a Worker, over %s, the bridge, and the platform over gRPC", (protocol) => {
  const secret = randomBytes(32).toString("base64url");
  let bridge: RunningGateway;
  let target: GatewayUnderTest;
  beforeAll(async () => {
    const platform = await startPlatformUnderTest();
    const own = { BRIDGE_HOST: "127.0.0.1", BRIDGE_PORT: "0", BRIDGE_SECRET: secret, SHUTDOWN_GRACE: "5" };
    bridge = await startBridge({ env: { ...own, ...serviceAddresses(platform) }, writeLog: () => {} });
    const gateway = await startGatewayOf({ ...bridged({ url: bridge.url, secret }), UPSTREAM_PROTOCOL: protocol });
    target = { ...gateway, platform };
  });
  afterAll(async () => {
    await target.stop();
    await bridge.stop();
    await target.platform.stop();
  });

  accountsSuite(() => target);
  developersSuite(() => target);
});

describe("a Worker, the bridge, and a plain gRPC server", () => {
  /** The whole chain, and somebody who is signed in. */
  async function start(env: Readonly<Record<string, string>> = {}) {
    const server = await startPlainGrpcServer();
    server.script("AuthenticateUser", { unary: (_call, answer) => answer(null, userBytes(server)) });
    const bridge = await startBridgeUnderTest(server.url);
    const gateway = await startGatewayOf({ ...bridged(bridge), ...env });
    onTestFinished(() => gateway.stop());
    const body = { email: "ada@devmatch.example", password: "Correct-horse-1" };
    const login = await call(gateway.url, "POST /api/v1/auth/login", { body });
    expect(login.status, JSON.stringify(login.body)).toBe(200);
    const getTask = () => call(gateway.url, "GET /api/v1/tasks/tsk_1", { token: login.body.access_token });
    return { server, bridge, gateway, getTask };
  }

  test("a call is answered, and the server sees our identity and neither the secret nor the token", async () => {
    const { server, bridge, getTask } = await start();
    server.script("GetTask", { unary: (_call, answer) => answer(null, taskBytes(server)) });
    expect(await getTask()).toMatchObject({ status: 200, body: { task_id: "tsk_1", title: "Größe 日本" } });
    const { path, request, metadata } = server.seen.at(-1)!;
    expect(path).toBe("/platform.tasks.v1.TaskService/GetTask");
    expect(request).toEqual({ task_id: "tsk_1" });
    expect(metadata).toMatchObject({ "x-user-id": "usr_ada", "x-user-role": "CLIENT" });
    expect(JSON.stringify(metadata)).not.toContain(bridge.secret);
    expect(metadata).not.toHaveProperty("authorization");
  });

  test("a refusal is the service's own: its code and its words", async () => {
    const { server, getTask } = await start();
    const words = "the task tsk_1 does not exist";
    server.script("GetTask", { unary: (_call, answer) => answer(refusal(status.NOT_FOUND, words)) });
    expect(await getTask()).toMatchObject({ status: 404, body: { code: "NOT_FOUND", detail: words } });
  });

  test("silence is 504 at the deadline, which the server has been told, and the server hears that nobody waits", async () => {
    const { server, getTask } = await start({ UPSTREAM_TIMEOUT: "2" });
    server.script("GetTask", { unary: () => {} });
    expect(await getTask()).toMatchObject({ status: 504, body: { code: "DEADLINE_EXCEEDED" } });
    const seen = server.seen.at(-1)!;
    expect(seen.deadlineAtMs).toBeLessThanOrEqual(Date.now());
    await expect.poll(() => seen.cancelled, { timeout: 15_000 }).toBe(true);
  });

  test("a server that is gone is 503, and so is a bridge that is gone", async () => {
    const { server, bridge, getTask } = await start();
    server.stop();
    const gone = { status: 503, body: { code: "SERVICE_UNAVAILABLE" } };
    expect(await getTask()).toMatchObject(gone);
    await bridge.stop();
    expect(await getTask()).toMatchObject(gone);
  });

  test("with another secret nobody comes through, and it is the gateway's fault: 502", async () => {
    const server = await startPlainGrpcServer();
    const { url } = await startBridgeUnderTest(server.url);
    const gateway = await startGatewayOf(bridged({ url, secret: randomBytes(32).toString("base64url") }));
    onTestFinished(() => gateway.stop());
    const body = { email: "ada@devmatch.example", password: "Correct-horse-1" };
    const login = await call(gateway.url, "POST /api/v1/auth/login", { body });
    expect(login).toMatchObject({ status: 502, body: { code: "UPSTREAM_ERROR" } });
    expect(server.seen).toEqual([]);
  });
});

function userBytes({ root }: PlainGrpcServer): Buffer {
  const type = root.lookupType("platform.users.v1.AuthenticateUserResponse");
  const user = { user_id: "usr_ada", email: "ada@devmatch.example", display_name: "Ada", user_type: UserType.CLIENT };
  return Buffer.from(type.encode(type.fromObject({ user })).finish());
}

function taskBytes({ root }: PlainGrpcServer): Buffer {
  const type = root.lookupType("platform.tasks.v1.GetTaskResponse");
  const task = { task_id: "tsk_1", client_id: "usr_ada", title: "Größe 日本", skill_tags: ["grpc"] };
  return Buffer.from(type.encode(type.fromObject({ task })).finish());
}
