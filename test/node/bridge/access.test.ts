import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { create, type DescMethodUnary, toBinary } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "#gen/grpc/health/v1/health_pb.ts";
import { GetUserResponseSchema, UserService } from "#gen/platform/users/v1/users_pb.ts";
import { freePort } from "#platform/net/free-port.ts";
import { call } from "../../support/gateway-under-test.ts";
import { callContext, eventually, gatewayErrorOf, openUsers, outline, PLENTY_MS } from "../../support/upstream.ts";
import { openWay, startBridgeUnderTest, WAYS } from "./bridge-under-test.ts";
import { startPlainGrpcServer } from "./plain-grpc-server.ts";

const GET_USER = "/platform.users.v1.UserService/GetUser";

describe.each(WAYS)("%s", (way) => {
  test("without the secret, or with another, everything is UNAUTHENTICATED and no service hears of it", async () => {
    const server = await startPlainGrpcServer();
    const bridge = await startBridgeUnderTest(server.url);
    for (const secret of [
      null,
      "",
      "x",
      `${bridge.secret}x`,
      bridge.secret.slice(1),
      randomBytes(32).toString("hex"),
    ]) {
      const transport = openWay(way, { url: bridge.url, secret });
      for (const method of [UserService.method.getUser, Health.method.check] as readonly DescMethodUnary[]) {
        const call = transport.unary(method, undefined, PLENTY_MS, undefined, {});
        await expect(call).rejects.toMatchObject({ code: Code.Unauthenticated });
      }
    }
    expect(server.seen).toEqual([]);
    expect(bridge.logText()).not.toContain(bridge.secret.slice(1));
  });

  test("a gateway with a wrong secret says 502, and tells nobody that the password is wrong", async () => {
    const server = await startPlainGrpcServer();
    const { url } = await startBridgeUnderTest(server.url);
    const transport = openWay(way, { url, secret: "wrong" });
    const users = openUsers(transport);
    const credentials = { email: "a@b.example", password: "Correct-horse-1" };
    const error = await gatewayErrorOf(users.authenticateUser(credentials, callContext()));
    expect(outline(error)).toEqual(["UPSTREAM_ERROR", 502]);
  });

  test("a method or a service that the platform does not have is UNIMPLEMENTED, without asking anybody", async () => {
    const server = await startPlainGrpcServer();
    const bridge = await startBridgeUnderTest(server.url);
    const transport = openWay(way, bridge);
    const unknown = { ...UserService.method.getUser, name: "DropUser" } as typeof UserService.method.getUser;
    const elsewhere = {
      ...UserService.method.getUser,
      parent: { ...UserService, typeName: "platform.users.v2.UserService" },
    } as typeof UserService.method.getUser;
    for (const method of [unknown, elsewhere]) {
      const error = await transport
        .unary(method, undefined, PLENTY_MS, undefined, {})
        .catch((reason: unknown) => reason as ConnectError);
      expect(error).toMatchObject({ code: Code.Unimplemented, rawMessage: "The bridge knows no such method." });
    }
    expect(server.seen).toEqual([]);
    expect(bridge.log.filter(({ message }) => message === "refused").length).toBe(2);
  });

  test("grpc.health.v1 tells of the bridge, and by name of each service", async () => {
    const server = await startPlainGrpcServer();
    const bridge = await startBridgeUnderTest(server.url, { TASK_SERVICE_URL: `127.0.0.1:${await freePort()}` });
    const transport = openWay(way, bridge);
    const ask = async (service: string) =>
      (await transport.unary(Health.method.check, undefined, PLENTY_MS, undefined, { service })).message.status;
    expect(await ask("")).toBe(ServingStatus.SERVING);
    expect(await ask("platform.users.v1.UserService")).toBe(ServingStatus.SERVING);
    expect(await ask("platform.tasks.v1.TaskService")).toBe(ServingStatus.NOT_SERVING);
    await expect(ask("platform.tasks.v9.TaskService")).rejects.toMatchObject({ code: Code.NotFound });
  });
});

test.each([
  ["Basic", (secret: string) => `Basic ${secret}`],
  ["no scheme", (secret: string) => secret],
  ["two secrets", (secret: string) => `Bearer ${secret} ${secret}`],
  ["two headers", (secret: string) => [`Bearer ${secret}x`, `Bearer ${secret}`] as unknown as string],
])("the secret counts as one bearer token: %s", async (_what, header) => {
  const server = await startPlainGrpcServer();
  const { url, secret } = await startBridgeUnderTest(server.url);
  const headers = { authorization: header(secret), "content-type": "application/json" };
  expect((await call(url, `POST ${GET_USER}`, { headers, body: "{}" })).status).toBe(401);
  expect((await call(url, `POST ${GET_USER}`, { token: secret, body: "{}" })).status).toBe(200);
});

test("the secret is asked for before the body has come", async () => {
  const server = await startPlainGrpcServer();
  const { url } = await startBridgeUnderTest(server.url);
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  const head = `POST ${GET_USER} HTTP/1.1\r\nhost: x\r\ncontent-type: application/proto\r\ncontent-length: 99\r\n\r\n`;
  socket.write(head);
  const [first] = (await new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data))))).split(
    "\r\n",
  );
  expect(first).toBe("HTTP/1.1 401 Unauthorized");
  socket.destroy();
});

test.each([
  ["no rpc", "GET /"],
  ["another service's path", "POST /platform.users.v1.UserService/GetTask"],
  ["a path in another spelling", "POST /platform.users.v1.userservice/getuser"],
  ["a path that climbs", "POST /x/../platform.users.v1.UserService/GetUserX"],
  ["Presence's list, which the gateway does not ask for", "GET /api/v1/presence/online"],
])("%s is 404 and UNIMPLEMENTED", async (_what, request) => {
  const server = await startPlainGrpcServer();
  const { url, secret } = await startBridgeUnderTest(server.url);
  const answer = await call(url, request, { token: secret });
  expect([answer.status, answer.body.code]).toEqual([404, "unimplemented"]);
  expect(server.seen).toEqual([]);
});

test("health and metrics need no secret; metrics need their token where there is one", async () => {
  const server = await startPlainGrpcServer();
  const bridge = await startBridgeUnderTest(server.url);
  expect(await call(bridge.url, "GET /health/live")).toMatchObject({ status: 200, body: { status: "alive" } });
  expect(await call(bridge.url, "GET /health/ready")).toMatchObject({ status: 200, body: { status: "ready" } });
  await call(bridge.url, `POST ${GET_USER}`, { token: bridge.secret, body: "{}" });
  await call(bridge.url, `POST ${GET_USER}`, { body: "{}" });
  const { body } = await call(bridge.url, "GET /metrics");
  expect(body).toContain('bridge_calls_total{service="user-service",method="GetUser",status="OK"} 1');
  expect(body).toContain('bridge_call_duration_seconds_count{service="user-service",method="GetUser"} 1');
  expect(body).toContain('bridge_calls_in_flight{service="user-service"} 0');
  expect(body).toContain('bridge_refusals_total{reason="secret"} 1');

  const closed = await startBridgeUnderTest(server.url, { METRICS_TOKEN: "scrape-me" });
  expect((await call(closed.url, "GET /metrics")).status).toBe(401);
  expect((await call(closed.url, "GET /metrics", { token: "scrape-me" })).status).toBe(200);
});

test("a line for each call: who, what, how long; and neither the secret nor a word of the messages", async () => {
  const server = await startPlainGrpcServer();
  const bridge = await startBridgeUnderTest(server.url, { LOG_LEVEL: "debug" });
  const headers = {
    "x-request-id": "req-7",
    authorization: `Bearer ${bridge.secret}`,
    "content-type": "application/json",
  };
  await call(bridge.url, `POST ${GET_USER}`, { headers, body: '{"user_id":"usr_private"}' });
  await call(bridge.url, `POST ${GET_USER}`, { headers, body: '{"user_id":["usr_private"]}' });
  await eventually(() => bridge.log.length >= 3, "both lines are written");
  expect(bridge.log.slice(1)).toMatchObject([
    {
      service: "bridge",
      level: "info",
      message: "call",
      request_id: "req-7",
      rpc: "platform.users.v1.UserService/GetUser",
      code: "OK",
      protocol: "connect",
      status_code: 200,
      duration_ms: expect.any(Number),
    },
    { level: "warn", code: "REFUSED", status_code: 400 },
  ]);
  expect(bridge.logText()).not.toContain(bridge.secret);
  expect(bridge.logText()).not.toContain("usr_private");
});

test("Connect's GET works for methods without side effects, for no others", async () => {
  const server = await startPlainGrpcServer();
  const { url, secret } = await startBridgeUnderTest(server.url);
  const query = `?connect=v1&encoding=json&message=${encodeURIComponent('{"user_id":"usr_1"}')}`;
  expect((await call(url, `GET ${GET_USER}${query}`, { token: secret })).status).toBe(200);
  expect(server.seen.map(({ request }) => request)).toEqual([{ user_id: "usr_1" }]);
  expect((await call(url, `GET /platform.users.v1.UserService/CreateUser${query}`, { token: secret })).status).toBe(
    405,
  );
});

test("nothing is unpacked: a compressed request is refused unread, and an answer is never compressed", async () => {
  const server = await startPlainGrpcServer();
  const { url, secret } = await startBridgeUnderTest(server.url);
  const bomb = gzipSync(Buffer.alloc(100 * 1_048_576));
  const packed = await call(url, `POST ${GET_USER}`, {
    token: secret,
    headers: { "content-type": "application/proto", "content-encoding": "gzip" },
    body: bomb,
  });
  expect([packed.status, packed.body.code]).toEqual([501, "unimplemented"]);
  expect(server.seen).toEqual([]);

  server.script("GetUser", { unary: (_call, reply) => reply(null, userCalled("x".repeat(5_000))) });
  const answer = await call(url, `POST ${GET_USER}`, {
    token: secret,
    body: "{}",
    headers: { "accept-encoding": "gzip, br" },
  });
  expect([answer.status, answer.headers.get("content-encoding")]).toEqual([200, null]);
  expect(answer.body.user.displayName.length).toBe(5_000);
});

/** The bytes of an answer with a user of this display name. */
function userCalled(displayName: string): Buffer {
  return Buffer.from(toBinary(GetUserResponseSchema, create(GetUserResponseSchema, { user: { displayName } })));
}

test("a Host that makes no URL is 400, and the next request works", async () => {
  const server = await startPlainGrpcServer();
  const { url, secret } = await startBridgeUnderTest(server.url);
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  const head = `POST ${GET_USER} HTTP/1.1\r\nhost: [\r\nauthorization: Bearer ${secret}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`;
  socket.write(head);
  const [first] = (await new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data))))).split(
    "\r\n",
  );
  expect(first).toBe("HTTP/1.1 400 Bad Request");
  socket.destroy();
  expect((await call(url, `POST ${GET_USER}`, { token: secret, body: "{}" })).status).toBe(200);
});
