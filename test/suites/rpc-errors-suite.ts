import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { AuthService } from "#gen/gateway/v1/auth_pb.ts";
import { TasksService } from "#gen/gateway/v1/tasks_pb.ts";
import { TaskSchema } from "#gen/platform/tasks/v1/tasks_pb.ts";
import type { ErrorCode } from "#src/errors.ts";
import { call } from "../support/gateway-under-test.ts";
import { createWorld, type World } from "../support/rest-routes.ts";
import { RPC_CALLS } from "../support/rpc-calls.ts";
import {
  envelope,
  expectError,
  failing,
  invoke,
  PUBLIC_RPCS,
  pathOf,
  type RawRpc,
  reasonOf,
  sendRaw,
  shortName,
  TRANSPORTS,
} from "../support/rpc-clients.ts";
import { countOf } from "../support/scrape.ts";
import { hang } from "../support/scripted-service.ts";
import type { ErrorTarget } from "./error-suite.ts";

const { getTask } = TasksService.method;
const LEAK = "leak-canary-3c41: dial tcp 10.9.8.7:5432\n    at /srv/pool.js:10";
const SERVICE_CODES = Object.values(Code).filter((code): code is Code => typeof code === "number");
const PROTOCOLS = ["Connect in JSON", "Connect in binary", "Connect by GET", "gRPC-Web in binary", "gRPC-Web in JSON"];
const NO_TIME: RawRpc = { contentType: "application/json", body: '{"taskId":"tsk_x"}' };

/** What a client may send in the hope that somebody behind the gateway believes it. */
const PLANTED: Readonly<Record<string, string>> = {
  "x-user-id": "planted-canary",
  "x-user-role": "ADMIN",
  "x-forwarded-for": "203.0.113.9",
  cookie: "session=planted-canary",
  traceparent: "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
  baggage: "user=planted-canary",
  "grpc-metadata-x-user-id": "planted-canary",
  "planted-bin": "cGxhbnRlZC1jYW5hcnk",
};
/** All that a service may see beside the message and the protocol's own: what the gateway knows. */
const TO_SERVICES = ["x-user-id", "x-user-role", "x-request-id", "traceparent"];
const OF_THE_PROTOCOLS = [
  ...["content-type", "content-length", "host", "te", "user-agent"],
  ...["grpc-accept-encoding", "grpc-timeout", "connect-protocol-version", "connect-timeout-ms"],
];

/** What becomes of failures behind the gateway, of deadlines, and what an operator sees of it all. */
export function rpcErrorsSuite(target: () => ErrorTarget): void {
  let world: World;
  let task: { readonly taskId: string };
  beforeAll(async () => {
    world = await createWorld(target().url);
    task = { taskId: world.taskId };
  });
  afterEach(() => {
    for (const service of Object.values(target().scripted)) service.reset();
  });
  const over = (name: string) => TRANSPORTS[name]!(target().url);
  const token = () => world.client.token;

  describe.each(PROTOCOLS)("%s", (protocol) => {
    test.each(SERVICE_CODES.map((code) => [Code[code], code] as const))(
      "a service's %s is the error that it is over REST, in the same words",
      async (_name, code) => {
        const { url, scripted } = target();
        scripted.tasks.answer({
          getTask: () => {
            throw new ConnectError(code === Code.NotFound ? "no such task" : LEAK, code);
          },
        });
        const rest = await call(url, `GET /api/v1/tasks/${task.taskId}`, { token: token() });
        const error = await failing(over(protocol), getTask, task, { token: token() });
        expectError(error, rest.body.code as ErrorCode);
        expect(error.rawMessage).toBe(rest.body.detail);
        expect(error.metadata.get("retry-after")).toBe(rest.headers.get("retry-after"));
        if (rest.status >= 500) expect(JSON.stringify([...error.metadata]) + error.message).not.toContain("canary");
      },
    );

    test("wrong credentials are UNAUTHENTICATED, as over REST", async () => {
      const { email } = world.client;
      const error = await failing(over(protocol), AuthService.method.login, { email, password: "Wrong-horse-1" });
      expectError(error, "AUTHENTICATION_FAILED");
      expect(error.metadata.get("www-authenticate")).toContain('error="invalid_grant"');
    });

    test("a service's value that a codec cannot express is the service's mistake", async () => {
      const year30000 = { seconds: 884_541_340_800n, nanos: 0 };
      target().scripted.tasks.answer({
        getTask: () => ({
          task: create(TaskSchema, { ...task, clientId: world.client.userId, createdAt: year30000 }),
        }),
      });
      const answer = invoke(over(protocol), getTask, task, { token: token() });
      if (protocol.endsWith("binary")) await answer;
      else
        expectError(
          (await answer.then(
            () => expect.fail(),
            (error) => error,
          )) as ConnectError,
          "UPSTREAM_ERROR",
        );
    });
  });

  describe("the client's timeout", () => {
    const rows = [
      ["shortens a deadline (Connect)", { ...NO_TIME, headers: { "connect-timeout-ms": "150" } }, 150],
      ["never lengthens one (Connect)", { ...NO_TIME, headers: { "connect-timeout-ms": "9999999999" } }, 5_000],
      ["shortens a deadline (gRPC-Web)", { ...grpcWeb(), headers: { "grpc-timeout": "150m" } }, 150],
      ["never lengthens one (gRPC-Web)", { ...grpcWeb(), headers: { "grpc-timeout": "99999999H" } }, 5_000],
      ["of another protocol is not looked at", { ...grpcWeb(), headers: { "connect-timeout-ms": "1" } }, 5_000],
    ] as const;
    test.each(rows)("%s", async (_what, raw, atMostMs) => {
      const { url, scripted } = target();
      const requestId = `deadline-${crypto.randomUUID()}`;
      if (atMostMs < 1_000) scripted.tasks.answer({ getTask: hang });
      const headers = { ...raw.headers, "x-request-id": requestId };
      const { error, status } = await sendRaw(url, pathOf(getTask), { ...raw, headers, token: token() });
      const [arrived] = scripted.tasks.arrived.filter(({ header }) => header.get("x-request-id") === requestId);
      const left = timeoutOf(arrived!.header);
      expect(left).toBeLessThanOrEqual(atMostMs);
      if (atMostMs === 5_000) expect(left).toBeGreaterThan(3_000);
      expectError(error!, atMostMs < 1_000 ? "DEADLINE_EXCEEDED" : "NOT_FOUND");
      expect(status).toBe(raw.contentType === "application/json" ? (atMostMs < 1_000 ? 504 : 404) : 200);
    });

    test("of nothing at all asks no service", async () => {
      const { url, scripted } = target();
      const before = scripted.tasks.arrived.length;
      const raw = { ...NO_TIME, headers: { "connect-timeout-ms": "0" }, token: token() };
      expectError((await sendRaw(url, pathOf(getTask), raw)).error!, "DEADLINE_EXCEEDED");
      expect(scripted.tasks.arrived.length).toBe(before);
    });
  });

  describe("what a client plants in its headers is seen by no service:", () => {
    test.each(PUBLIC_RPCS.map((rpc) => [shortName(rpc), rpc] as const))("%s", async (name, rpc) => {
      const requestId = `planted-${crypto.randomUUID()}`;
      const { request, by } = await RPC_CALLS[name]!(world);
      const headers = { ...PLANTED, "x-request-id": requestId };
      await invoke(over("Connect in binary"), rpc, request, { token: by?.token, headers });
      const services = Object.values(target().scripted).flatMap(({ arrived }) => arrived);
      for (const { header, method } of services.filter(({ header }) => header.get("x-request-id") === requestId)) {
        const names = [...header.keys()].filter((each) => !OF_THE_PROTOCOLS.includes(each));
        expect(TO_SERVICES, method).toEqual(expect.arrayContaining(names));
        expect(header.get("x-user-id"), method).toBe(by?.userId ?? null);
        expect(header.get("traceparent"), method).not.toBe(PLANTED.traceparent);
        expect(JSON.stringify([...header]), method).not.toContain("canary");
      }
    });
  });

  describe("an operator", () => {
    test("counts a request under the rpc's path, and gRPC-Web's errors by what they are, not by their 200", async () => {
      const { url, log } = target();
      const route = pathOf(getTask);
      const counted = (status: string) => countOf(url, "gateway_requests_total", { route, method: "POST", status });
      const [ok, missing] = [await counted("200"), await counted("404")];
      const requestId = `seen-${crypto.randomUUID()}`;
      await invoke(over("gRPC-Web in binary"), getTask, task, { token: token() });
      const nothing = { taskId: "tsk_nobody" };
      const options = { token: token(), headers: { "x-request-id": requestId } };
      const error = await failing(over("gRPC-Web in binary"), getTask, nothing, options);
      expect(error.metadata.get("x-request-id")).toBe(requestId);
      expect(await counted("200")).toBe(ok + 1);
      expect(await counted("404")).toBe(missing + 1);
      expect(log.find((line) => line.request_id === requestId)).toMatchObject({
        message: "request",
        method: "POST",
        url: route,
        route,
        protocol: "grpc-web",
        status_code: 404,
        user_id: world.client.userId,
        code: "NOT_FOUND",
      });
    });

    test("counts what is no rpc as unmatched, whatever name a client makes up", async () => {
      const { url } = target();
      const counted = () => countOf(url, "gateway_requests_total", { route: "unmatched", status: "404" });
      const before = await counted();
      const { error, status } = await sendRaw(url, `/made.up.V${Date.now()}/Rpc`, NO_TIME);
      expect({ status, code: error!.code, reason: reasonOf(error!) }).toEqual({
        status: 404,
        code: Code.Unimplemented,
        reason: "NOT_FOUND",
      });
      expect(await counted()).toBe(before + 1);
    });

    test("reads no token, no password and no piece of a body in the log", async () => {
      const { url, log } = target();
      const body = '{"email":"a@b.example","password":"Hidden-horse-1",oops';
      await sendRaw(url, pathOf(AuthService.method.login), { contentType: "application/json", body });
      const message = encodeURIComponent('{"taskId":"secret-in-query"}');
      await sendRaw(url, `${pathOf(getTask)}?encoding=json&message=${message}`, { method: "GET", token: token() });
      const text = JSON.stringify(log);
      for (const secret of ["Hidden-horse", "oops", "encoding=json", token()]) expect(text).not.toContain(secret);
    });
  });
}

function grpcWeb(): RawRpc {
  const message = new Uint8Array([10, 5, ...new TextEncoder().encode("tsk_x")]);
  return { contentType: "application/grpc-web+proto", body: envelope(message) };
}

/** What a service was told, in milliseconds. */
function timeoutOf(header: Headers): number {
  const connect = header.get("connect-timeout-ms");
  if (connect !== null) return Number(connect);
  const [, digits, unit] = /^(\d+)([mS])$/.exec(header.get("grpc-timeout") ?? "") ?? expect.fail("no timeout");
  return Number(digits) * (unit === "S" ? 1_000 : 1);
}
