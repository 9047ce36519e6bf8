import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { OrchestratorService } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { call } from "../../support/gateway-under-test.ts";
import { startProgram } from "../../support/started-program.ts";
import { eventually, PLENTY_MS } from "../../support/upstream.ts";
import { openWay, startBridgeUnderTest, WAYS } from "./bridge-under-test.ts";
import { type PlainGrpcServer, startPlainGrpcServer } from "./plain-grpc-server.ts";

/** Streams one event and stays open. */
function watchForEver(server: PlainGrpcServer): void {
  server.script("WatchProposals", {
    stream: (stream) => stream.write(server.bytesOf("platform.orchestrator.v1.ProposalEvent")),
  });
}

describe.each(WAYS)("%s", (way) => {
  test("stop: a stream is told at once, a call may finish, and nothing is cut", async () => {
    const server = await startPlainGrpcServer();
    watchForEver(server);
    let finish: (() => void) | undefined;
    server.script("GetUser", {
      unary: (_call, answer) => {
        finish = () => answer(null, server.bytesOf("platform.users.v1.GetUserResponse"));
      },
    });
    // So long that only a polite end can explain the end.
    const bridge = await startBridgeUnderTest(server.url, { SHUTDOWN_GRACE: "600" });
    const transport = openWay(way, bridge);
    let events = 0;
    const watching = (async () => {
      for await (const _ of createClient(OrchestratorService, transport).watchProposals({ userId: "usr_1" })) events++;
    })().catch((reason: unknown) => reason);
    const calling = createClient(UserService, transport).getUser({ userId: "usr_1" });
    await eventually(() => events === 1 && finish !== undefined, "both are under way");

    const stopped = bridge.stop();
    expect(await watching).toMatchObject({ code: Code.Unavailable, rawMessage: "The bridge is stopping." });
    finish!();
    expect((await calling).user?.userId).toContain("user_id");
    expect(await stopped).toBe(true);
    await eventually(
      () => server.seen.some(({ path, cancelled }) => path.endsWith("WatchProposals") && cancelled),
      "the stream's service hears of it",
    );
    await expect(call(bridge.url, "GET /health/live")).rejects.toThrow();
  });

  test("stop: what does not finish in time is cut, and said to be", async () => {
    const server = await startPlainGrpcServer();
    server.script("GetUser", { unary: () => {} });
    const bridge = await startBridgeUnderTest(server.url, { SHUTDOWN_GRACE: "0.05" });
    const calling = createClient(UserService, openWay(way, bridge))
      .getUser({ userId: "usr_1" })
      .catch((reason) => reason);
    await eventually(() => server.seen.length === 1, "the call is under way");
    expect(await bridge.stop()).toBe(false);
    expect(await calling).toBeInstanceOf(Error);
  });

  test("beyond the limit a call is UNAVAILABLE at once; streams have their own; a place that is left is free", async () => {
    const server = await startPlainGrpcServer();
    watchForEver(server);
    let finish: (() => void) | undefined;
    server.script("GetUser", {
      unary: (_call, answer) => {
        finish = () => answer(null, server.bytesOf("platform.users.v1.GetUserResponse"));
      },
    });
    const bridge = await startBridgeUnderTest(server.url, { BRIDGE_MAX_IN_FLIGHT: "1" });
    const transport = openWay(way, bridge);
    const users = createClient(UserService, transport);
    const orchestrator = createClient(OrchestratorService, transport);

    const leaving = new AbortController();
    const events = orchestrator.watchProposals({ userId: "u" }, { signal: leaving.signal })[Symbol.asyncIterator]();
    await events.next();
    await expect(orchestrator.watchProposals({ userId: "u" })[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: Code.Unavailable,
    });
    await orchestrator.listProposals({ userId: "u" });

    const first = users.getUser({ userId: "u" });
    await eventually(() => finish !== undefined, "the first call is under way");
    await expect(users.getUser({ userId: "u" })).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: "The bridge is at its limit.",
    });
    finish!();
    await first;
    server.script("GetUser", { unary: (_call, answer) => answer(null, Buffer.alloc(0)) });
    await users.getUser({ userId: "u" });

    leaving.abort();
    await events.next().catch(() => {});
    await eventually(() => bridge.log.some(({ code }) => code === "CANCELLED"), "the stream's place is free");
    const again = orchestrator.watchProposals({ userId: "u" })[Symbol.asyncIterator]();
    expect((await again.next()).done).toBe(false);
    // One event and no more: the caller's leaving it like this must not hold up the stop.
  });
});

test("a timeout beyond what timers can take is a long time, and not none", async () => {
  const server = await startPlainGrpcServer();
  const bridge = await startBridgeUnderTest(server.url);
  const path = "POST /platform.users.v1.UserService/GetUser";
  for (const timeout of ["9999999999", "2147483648", "99999999"]) {
    const headers = {
      "connect-timeout-ms": timeout,
      authorization: `Bearer ${bridge.secret}`,
      "content-type": "application/json",
    };
    expect((await call(bridge.url, path, { headers, body: "{}" })).status).toBe(200);
  }
  for (const timeout of ["99999999H", "99999999M", "99999999S", "1H"]) {
    const transport = openWay("gRPC over h2c", bridge, { "grpc-timeout": timeout });
    const events = createClient(OrchestratorService, transport).watchProposals({ userId: "u" });
    let seen = 0;
    for await (const _ of events) seen++;
    expect(seen).toBe(3);
  }
  const headers = {
    "connect-timeout-ms": "0",
    authorization: `Bearer ${bridge.secret}`,
    "content-type": "application/json",
  };
  expect((await call(bridge.url, path, { headers, body: "{}" })).body.code).toBe("deadline_exceeded");
});

test("callers that hang up, at any time, end nothing but their own call", async () => {
  const server = await startPlainGrpcServer();
  server.script("GetUser", { unary: (_call, answer) => void setTimeout(() => answer(null, Buffer.alloc(0)), 5) });
  const bridge = await startBridgeUnderTest(server.url);
  const port = Number(new URL(bridge.url).port);
  const request = `POST /platform.users.v1.UserService/GetUser HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${bridge.secret}\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{"user_id":"usr_12"}`;
  for (let cut = 10; cut <= request.length; cut += 30) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    await new Promise<void>((resolve) => socket.write(request.slice(0, cut), () => resolve()));
    socket.resetAndDestroy();
  }
  const session = connectHttp2(bridge.url);
  session.on("error", () => {});
  for (let n = 0; n < 20; n++) {
    const stream = session.request({
      ":method": "POST",
      ":path": "/platform.users.v1.UserService/GetUser",
      authorization: `Bearer ${bridge.secret}`,
      "content-type": "application/grpc",
    });
    stream.on("error", () => {});
    stream.write(Buffer.from([0, 0, 0]));
    setTimeout(() => stream.close(8), n % 5);
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  session.destroy();
  await createClient(UserService, openWay("Connect over HTTP/1.1", bridge)).getUser({ userId: "usr_1" });
  await eventually(() => bridge.log.filter(({ message }) => message === "call").length > 20, "every call has its line");
  const metrics = String((await call(bridge.url, "GET /metrics")).body);
  expect(metrics).toContain('bridge_calls_in_flight{service="user-service"} 0');
  expect(bridge.log.filter(({ level }) => level === "error")).toEqual([]);
});

test("a request over HTTP/2 that does not come to its end is given up, as Node does it for HTTP/1.1", async () => {
  const server = await startPlainGrpcServer();
  const bridge = await startBridgeUnderTest(server.url);
  const session = connectHttp2(bridge.url);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => {
    vi.useRealTimers();
    session.destroy();
  });
  const stream = session.request({
    ":method": "POST",
    ":path": "/platform.users.v1.UserService/GetUser",
    authorization: `Bearer ${bridge.secret}`,
    "content-type": "application/grpc",
  });
  stream.on("error", () => {});
  stream.write(Buffer.from([0, 0, 0]));
  const inFlight = async () =>
    String((await call(bridge.url, "GET /metrics")).body).includes('in_flight{service="user-service"} 1');
  while (!(await inFlight()));

  vi.advanceTimersByTime(29_000);
  expect(await inFlight()).toBe(true);
  vi.advanceTimersByTime(1_000);
  await once(stream, "close");
  expect(await inFlight()).toBe(false);
});

describe("npm run bridge", () => {
  const SECRET = "q7Tz!mW2vR9xLp4KdY8sBn3Hf6JcGa1E";
  const ENV = { BRIDGE_HOST: "127.0.0.1", BRIDGE_PORT: "0", BRIDGE_SECRET: SECRET };

  test("serves, stops on SIGTERM with code 0, and prints the secret nowhere", async () => {
    const server = await startPlainGrpcServer();
    const program = startProgram(["npm", "run", "bridge"], { env: { ...ENV, USER_SERVICE_URL: server.url } });
    const giveUpAt = Date.now() + PLENTY_MS;
    let url: string | undefined;
    while (url === undefined && Date.now() < giveUpAt) {
      url = /"url":"(http:[^"]+)"/.exec(program.stdout())?.[1];
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const answer = await call(url!, "POST /platform.users.v1.UserService/GetUser", { token: SECRET, body: "{}" });
    expect(answer.status).toBe(200);
    await program.end();
    expect(program.stdout()).toContain('"message":"stopped","finished":true');
    expect(program.stdout() + program.stderr()).not.toContain(SECRET);
  });

  test.each([
    ["no secret", { BRIDGE_SECRET: "" }, "BRIDGE_SECRET must be set"],
    ["a short one", { BRIDGE_SECRET: "short-7Tz!mW2v" }, "BRIDGE_SECRET must be at least 32 bytes"],
    ["a well-known one", { BRIDGE_SECRET: "your-secret-key-your-secret-key-1234" }, "BRIDGE_SECRET must be random"],
    ["no such mode", { GATEWAY_MODE: "brigde" }, "GATEWAY_MODE must be one of gateway, bridge"],
  ])("does not start with %s", async (_what, env, why) => {
    const command = ["node_modules/.bin/node", "src/node/server.ts"] as const;
    const program = startProgram([...command], { env: { ...ENV, GATEWAY_MODE: "bridge", ...env } });
    await program.untilSaid(new RegExp(why));
    await program.end();
    expect(program.stderr()).not.toContain("short-7Tz");
  });
});
