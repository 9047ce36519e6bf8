import { expect, test } from "vitest";
import { UserType } from "#gen/platform/common/v1/common_pb.ts";
import { keptChanges } from "#platform/presence/presence-records.ts";
import { openClients } from "./support/clients.ts";
import { account } from "./support/samples.ts";
import { startTestPlatform } from "./support/start-test-platform.ts";

async function start() {
  const clock = { now: Date.UTC(2026, 0, 1, 12) };
  const platform = await startTestPlatform({ now: () => clock.now });
  const { url } = platform.services.presence;
  async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const init = {
      method,
      headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    };
    const response = await fetch(`${url}${path}`, init);
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json");
    return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
  }
  const report = (user_id: string, status: string, metadata?: object) =>
    call("POST", "/api/v1/presence", { user_id, status, ...(metadata && { metadata }) });
  return { platform, clock, call, report };
}

test("/healthz is ok", async () => {
  const { call } = await start();
  expect(await call("GET", "/healthz")).toMatchObject({ status: 200, body: "ok" });
});

test.each(["IDLE", "idle", "USER_PRESENCE_STATUS_IDLE", "user_presence_status_Idle"])(
  "a report of %s answers the record, and so does asking for it",
  async (status) => {
    const { call, report } = await start();
    const record = { user_id: "usr_ada", status: "IDLE", last_seen: "2026-01-01T12:00:00.000Z" };
    expect(await report("usr_ada", status)).toMatchObject({ status: 200, body: record });
    expect(await call("GET", "/api/v1/presence/usr_ada")).toMatchObject({ status: 200, body: record });
  },
);

test("online are those who are not OFFLINE, the last seen first", async () => {
  const { call, report, clock, platform } = await start();
  const { user } = await openClients(platform).users.createUser({ ...account, userType: UserType.CLIENT });
  for (const [userId, status] of [
    ["usr_a", "IDLE"],
    ["usr_b", "OFFLINE"],
    [user!.userId, "SEARCHING"],
  ] as const) {
    clock.now += 1000;
    await report(userId, status);
  }
  const online = async (query: string) =>
    (await call("GET", `/api/v1/presence/online${query}`)).body.map(({ user_id }: { user_id: string }) => user_id);
  expect(await online("")).toEqual([user!.userId, "usr_a"]);
  expect(await online("?limit=1")).toEqual([user!.userId]);
  expect(await online("?user_type=client")).toEqual([user!.userId]);
  expect(await online("?user_type=USER_TYPE_DEVELOPER")).toEqual([]);
});

test("activity has the changes of the last hours, the newest first, with what was said to them", async () => {
  const { call, report, clock } = await start();
  await report("usr_ada", "IDLE", { device: "phone" });
  clock.now += 3_600_000;
  await report("usr_ada", "IDLE");
  clock.now += 3_600_000;
  await report("usr_ada", "OFFLINE");
  const changes = [
    { status: "OFFLINE", changed_at: "2026-01-01T14:00:00.000Z", metadata: {} },
    { status: "IDLE", changed_at: "2026-01-01T12:00:00.000Z", metadata: { device: "phone" } },
  ];
  expect((await call("GET", "/api/v1/presence/usr_ada/activity")).body).toEqual(changes);
  expect((await call("GET", "/api/v1/presence/usr_ada/activity?hours=1")).body).toEqual(changes.slice(0, 1));
});

test("only the newest changes are kept", async () => {
  const { call, report } = await start();
  for (let index = 0; index < keptChanges + 5; index++) await report("usr_ada", index % 2 === 0 ? "IDLE" : "OFFLINE");
  expect((await call("GET", "/api/v1/presence/usr_ada/activity")).body).toHaveLength(keptChanges);
});

test.each<[why: string, method: string, path: string, body: unknown, status: number, error: RegExp]>([
  ["an unknown user", "GET", "/api/v1/presence/usr_x", undefined, 404, /nothing is known/],
  ["an unknown user's activity", "GET", "/api/v1/presence/usr_x/activity", undefined, 404, /nothing is known/],
  ["another path", "GET", "/api/v2/presence", undefined, 404, /nothing here/],
  ["another method", "DELETE", "/api/v1/presence/usr_x", undefined, 405, /not allowed/],
  ["reading where one writes", "GET", "/api/v1/presence", undefined, 405, /not allowed/],
  ["no JSON", "POST", "/api/v1/presence", "{", 400, /must be a JSON object/],
  ["a list", "POST", "/api/v1/presence", [], 400, /must be a JSON object/],
  ["no user", "POST", "/api/v1/presence", { status: "IDLE" }, 400, /user_id must be an id/],
  ["a bad user", "POST", "/api/v1/presence", { user_id: "a b", status: "IDLE" }, 400, /user_id must be an id/],
  ["no status", "POST", "/api/v1/presence", { user_id: "a" }, 400, /status must be one of OFFLINE, IDLE, SEARCHING/],
  ["an unknown status", "POST", "/api/v1/presence", { user_id: "a", status: "UNSPECIFIED" }, 400, /status must be/],
  ["bad metadata", "POST", "/api/v1/presence", { user_id: "a", status: "IDLE", metadata: 1 }, 400, /metadata must/],
  ["a bad limit", "GET", "/api/v1/presence/online?limit=0", undefined, 400, /limit must be a whole number/],
  ["a bad type", "GET", "/api/v1/presence/online?user_type=cat", undefined, 400, /user_type must be one of/],
  ["bad hours", "GET", "/api/v1/presence/usr_x/activity?hours=1.5", undefined, 400, /hours must be a whole number/],
  ["a large body", "POST", "/api/v1/presence", { user_id: "a", pad: "x".repeat(65_536) }, 413, /at most 65536 bytes/],
])("%s is refused", async (_why, method, path, body, status, error) => {
  const { call } = await start();
  expect(await call(method, path, body)).toMatchObject({ status, body: { error: expect.stringMatching(error) } });
});

test("another method is told the right ones, another content type is refused", async () => {
  const { call } = await start();
  expect((await call("DELETE", "/api/v1/presence")).headers.get("allow")).toBe("POST");
  const text = await call("POST", "/api/v1/presence", "{}", { "content-type": "text/plain" });
  expect(text).toMatchObject({ status: 415, body: { error: "the body must be application/json" } });
});

test("calls are logged by their route, with the request id", async () => {
  const { platform, call } = await start();
  await call("GET", "/api/v1/presence/usr_x", undefined, { "x-request-id": "req-1" });
  expect(platform.log).toContainEqual({
    timestamp: expect.any(String),
    level: "info",
    service: "presence-service",
    request_id: "req-1",
    method: "GET",
    route: "/api/v1/presence/:user_id",
    status_code: 404,
    duration_ms: expect.any(Number),
  });
});
