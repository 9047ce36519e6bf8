import { create } from "@bufbuild/protobuf";
import { Code, createClient, createRouterTransport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { GetUserRequestSchema, UserService } from "#gen/platform/users/v1/users_pb.ts";
import { createLogger, type LogLevel } from "#platform/logger.ts";
import { logCalls } from "#platform/rpc/log-calls.ts";
import { openClients } from "./support/clients.ts";
import { expectRefusal } from "./support/refusals.ts";
import { account } from "./support/samples.ts";
import { startTestPlatform } from "./support/start-test-platform.ts";
import { protocols } from "./support/transports.ts";

test.each(protocols)("a call is one entry with its request id, its code and its time: $name", async (protocol) => {
  const platform = await startTestPlatform();
  const { users } = openClients(platform, protocol);
  const headers = { "x-request-id": "req-1" };
  await users.createUser(account, { headers });
  await expectRefusal(users.getUser({ userId: "usr_x" }), Code.NotFound, /usr_x/);
  const entry = { timestamp: expect.any(String), level: "info", service: "user-service" };
  const rpc = (name: string) => `platform.users.v1.UserService/${name}`;
  expect(platform.log).toEqual([
    { ...entry, request_id: "req-1", rpc: rpc("CreateUser"), code: "OK", duration_ms: expect.any(Number) },
    { ...entry, rpc: rpc("GetUser"), code: "NOT_FOUND", duration_ms: expect.any(Number) },
  ]);
});

test("no password is ever logged", async () => {
  const platform = await startTestPlatform();
  const { users } = openClients(platform);
  await users.createUser(account);
  await users.authenticateUser({ email: account.email, password: account.password });
  await users.authenticateUser({ email: account.email, password: "Wrong-horse-1" }).catch(() => {});
  expect(JSON.stringify(platform.log)).not.toMatch(/horse|scrypt/);
});

test("a bug is logged with its stack and answered with two words", async () => {
  const log: object[] = [];
  const interceptors = [logCalls(createLogger("user-service", "info", (entry) => log.push(entry)))];
  const impl = {
    getUser() {
      throw new TypeError("secret detail");
    },
  };
  const transport = createRouterTransport((router) => router.service(UserService, impl), { router: { interceptors } });
  const call = createClient(UserService, transport).getUser(create(GetUserRequestSchema));
  await expectRefusal(call, Code.Internal, "internal error");
  expect(log).toEqual([
    expect.objectContaining({
      level: "error",
      code: "INTERNAL",
      error: expect.stringMatching(/^TypeError: secret detail\n\s+at /),
    }),
  ]);
});

test.each<[LogLevel, LogLevel[]]>([
  ["debug", ["debug", "info", "warn", "error"]],
  ["info", ["info", "warn", "error"]],
  ["warn", ["warn", "error"]],
  ["error", ["error"]],
])("at %s the log has %j", (least, expected) => {
  const written: unknown[] = [];
  const log = createLogger("user-service", least, (entry) => written.push((entry as { level: unknown }).level));
  for (const level of ["debug", "info", "warn", "error"] as const) log(level, {});
  expect(written).toEqual(expected);
});

test("LOG_LEVEL's option reaches the services", async () => {
  const platform = await startTestPlatform({ logLevel: "error" });
  await openClients(platform).users.createUser(account);
  expect(platform.log).toEqual([]);
});
