import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TaskLifecycleStatus } from "#gen/platform/common/v1/common_pb.ts";
import { call, type Person, register, signInAdmin } from "../support/gateway-under-test.ts";
import { newDeveloper, newTask, profileBody, taskBody } from "../support/samples.ts";
import { type ScriptedGateway, startScriptedGateway } from "../support/scripted-gateway.ts";
import { UNLIMITED } from "../support/unlimited.ts";
import { cannot } from "./differences.ts";

// A gateway that keeps answers, over real sockets. What times do to them is in test/upstream/call-cache.test.ts, on a
// clock; here an answer is fresh for 5 s or is made stale by a CACHE_TTL that is shorter than any request.

const OVERLOADED = [503, "SERVICE_UNAVAILABLE"];

const client = (gateway: ScriptedGateway) => register(gateway.url, "CLIENT");

/** How often the service was asked for it so far. */
function asked({ scripted }: ScriptedGateway, service: keyof ScriptedGateway["scripted"], method: string): number {
  return scripted[service].arrived.filter((arrived) => arrived.method === method).length;
}

const down = () => {
  throw new ConnectError("down", Code.Unavailable);
};

describe("a gateway that keeps answers", () => {
  let gateway: ScriptedGateway;
  let owner: Person;
  let stranger: Person;
  let admin: Person;
  beforeAll(async () => {
    // So long that no test sees an answer become stale.
    gateway = await startScriptedGateway({ ...UNLIMITED, CACHE_TTL: "300" });
    owner = await client(gateway);
    stranger = await client(gateway);
    admin = await signInAdmin(gateway.url);
  });
  afterAll(() => gateway.stop());

  const get = (path: string, { token }: Person, headers = {}) => call(gateway.url, `GET ${path}`, { token, headers });

  test("asks the service once for what two requests want, and says so", async () => {
    const taskId = await newTask(gateway.url, owner);
    const before = asked(gateway, "tasks", "GetTask");
    const first = await get(`/api/v1/tasks/${taskId}`, owner);
    const second = await get(`/api/v1/tasks/${taskId}`, owner);
    expect(second.body).toEqual(first.body);
    expect(asked(gateway, "tasks", "GetTask") - before).toBe(1);
    expect(first.headers.get("cache-status")).toBe("devmatch; fwd=miss");
    expect(first.headers.get("age")).toBeNull();
    expect(second.headers.get("cache-status")).toMatch(/^devmatch; hit; ttl=\d$/);
    expect(second.headers.get("age")).toMatch(/^\d$/);
  });

  test.each([
    ["the owner first", true],
    ["the stranger first", false],
  ])("is no way around the guards: %s", async (_order, ownerFirst) => {
    const taskId = await newTask(gateway.url, owner);
    const path = `/api/v1/tasks/${taskId}`;
    const answers = new Map<Person, number>();
    for (const person of ownerFirst ? [owner, stranger, owner, stranger] : [stranger, owner, stranger, owner]) {
      const { status, headers, body } = await get(path, person);
      answers.set(person, status);
      if (person !== stranger) continue;
      expect(body.code).toBe("ACCESS_DENIED");
      expect(JSON.stringify(body)).not.toContain(taskBody().title);
      for (const name of ["etag", "age", "cache-status"]) expect(headers.get(name)).toBeNull();
      expect(headers.get("cache-control")).toBe("no-store");
    }
    expect(answers).toEqual(
      new Map([
        [owner, 200],
        [stranger, 403],
      ]),
    );
    expect((await call(gateway.url, `GET ${path}`)).status, "nobody").toBe(401);
  });

  test("refuses before it says 304, whatever tag a stranger holds", async () => {
    const taskId = await newTask(gateway.url, owner);
    const tag = (await get(`/api/v1/tasks/${taskId}`, owner)).headers.get("etag")!;
    expect((await get(`/api/v1/tasks/${taskId}`, owner, { "if-none-match": tag })).status).toBe(304);
    expect((await get(`/api/v1/tasks/${taskId}`, stranger, { "if-none-match": tag })).status).toBe(403);
    expect((await get(`/api/v1/tasks/${taskId}`, stranger, { "if-none-match": "*" })).status).toBe(403);
    const nobody = await call(gateway.url, `GET /api/v1/tasks/${taskId}`, { headers: { "if-none-match": tag } });
    expect(nobody.status).toBe(401);
  });

  test("gives each client its own list", async () => {
    const taskId = await newTask(gateway.url, owner);
    const ids = async (person: Person) =>
      (await get("/api/v1/tasks", person)).body.map((task: { task_id: string }) => task.task_id);
    for (let n = 0; n < 2; n++) {
      expect(await ids(owner)).toContain(taskId);
      expect(await ids(stranger)).not.toContain(taskId);
      expect(await ids(admin)).toContain(taskId);
    }
  });

  test("gives each caller their own account", async () => {
    for (const path of ["/api/v1/auth/me", "/api/v1/users/me"]) {
      for (const person of [owner, stranger, owner, stranger]) {
        const { body } = await get(path, person);
        expect((body.user ?? body).user_id, path).toBe(person.userId);
      }
    }
  });

  describe("after a write, the next read is new", () => {
    test.each<[route: string, body: (taskId: string) => object | undefined]>([
      ["PUT /api/v1/tasks/{task_id}", () => ({ title: "Another" })],
      ["PUT /api/v1/tasks/{task_id}", () => ({ status: "CANCELLED" })],
      ["DELETE /api/v1/tasks/{task_id}", () => undefined],
    ])("%s: the task, and every list", async (route, body) => {
      const taskId = await newTask(gateway.url, owner);
      const path = `/api/v1/tasks/${taskId}`;
      const listed = async () => {
        const { body: tasks } = await get("/api/v1/tasks?limit=100", owner);
        return tasks.find((task: { task_id: string }) => task.task_id === taskId);
      };
      const before = await get(path, owner);
      expect(await listed()).toEqual(before.body);
      const { status } = await call(gateway.url, route.replace("{task_id}", taskId), {
        token: owner.token,
        body: body(taskId),
      });
      expect(status).toBe(200);
      const after = await get(path, owner, { "if-none-match": before.headers.get("etag")! });
      if (route.startsWith("DELETE")) {
        expect(after.status).toBe(404);
        expect(await listed()).toBeUndefined();
      } else {
        expect(after.status).toBe(200);
        expect(after.body).toMatchObject(body(taskId)!);
        expect(await listed()).toEqual(after.body);
      }
    });

    test("POST /api/v1/tasks: every list", async () => {
      await get("/api/v1/tasks?limit=100", owner);
      const taskId = await newTask(gateway.url, owner);
      const { body } = await get("/api/v1/tasks?limit=100", owner);
      expect(body[0].task_id).toBe(taskId);
    });

    test("POST and PUT of a developer, and PUT of presence: the profile, the account, and every list", async () => {
      const developer = await register(gateway.url, "DEVELOPER");
      const { token, userId } = developer;
      const path = `/api/v1/users/developers/${userId}`;
      expect((await get(path, developer)).status).toBe(404);
      expect((await get("/api/v1/users/me", developer)).body.developer_profile).toBeUndefined();
      await get("/api/v1/users/developers?limit=100", developer);

      const body = { ...profileBody(), skill_tags: ["cobol"] };
      await call(gateway.url, "POST /api/v1/users/developers", { token, body });
      expect((await get(path, developer)).body.skill_tags).toEqual(["cobol"]);
      expect((await get("/api/v1/users/me", developer)).body.developer_profile.skill_tags).toEqual(["cobol"]);

      await call(gateway.url, `PUT ${path}`, { token, body: { bio: "New" } });
      expect((await get(path, developer)).body.bio).toBe("New");
      await call(gateway.url, `PUT ${path}/presence`, { token, body: { presence: "IDLE" } });
      expect((await get(path, developer)).body.presence).toBe("IDLE");
      const online = await get("/api/v1/users/developers?limit=100", developer);
      expect(online.body.map((each: { user_id: string }) => each.user_id)).toContain(userId);
    });
  });

  test("decides about writes on what is so now, not on what it has kept", async () => {
    const taskId = await newTask(gateway.url, owner);
    await get(`/api/v1/tasks/${taskId}`, owner);
    // Behind the gateway, the task becomes somebody else's.
    gateway.scripted.tasks.answer({
      getTask: ({ taskId: id }) => ({
        task: { taskId: id, clientId: stranger.userId, title: "x", status: TaskLifecycleStatus.OPEN },
      }),
    });
    try {
      const { token } = owner;
      const refused = [
        await call(gateway.url, `PUT /api/v1/tasks/${taskId}`, { token, body: { title: "Mine" } }),
        await call(gateway.url, `DELETE /api/v1/tasks/${taskId}`, { token }),
        await call(gateway.url, `GET /api/v1/matching/recommendations/${taskId}`, { token }),
      ];
      expect(refused.map(({ status }) => status)).toEqual([403, 403, 403]);
    } finally {
      gateway.scripted.tasks.reset();
    }
  });

  test("a role change and a deleted account show at the next refresh", async () => {
    const developer = await newDeveloper(gateway.url);
    await get("/api/v1/auth/me", developer);
    const before = asked(gateway, "users", "GetUser");
    const body = { refresh_token: developer.refreshToken };
    const refreshed = await call(gateway.url, "POST /api/v1/auth/refresh", { body });
    expect(refreshed.status).toBe(200);
    expect(asked(gateway, "users", "GetUser") - before, "the service was asked, although the account is kept").toBe(1);
    gateway.scripted.users.answer({
      getUser: () => {
        throw new ConnectError("gone", Code.NotFound);
      },
    });
    try {
      const again = await call(gateway.url, "POST /api/v1/auth/refresh", {
        body: { refresh_token: refreshed.body.refresh_token },
      });
      expect(again.status).toBe(401);
    } finally {
      gateway.scripted.users.reset();
    }
  });

  describe("HTTP", () => {
    const paths = async () => {
      const taskId = await newTask(gateway.url, owner);
      return [`/api/v1/tasks/${taskId}`, "/api/v1/tasks?limit=5", "/api/v1/auth/me", "/api/v1/users/developers"];
    };

    test("every GET has a tag, may be kept by its client, and is 304 to who has it; HEAD says the same", async () => {
      for (const path of await paths()) {
        const { headers, status } = await get(path, owner, { origin: "http://localhost:3000" });
        expect(status, path).toBe(200);
        expect(headers.get("etag")).toMatch(/^"[0-9a-f]{16}"$/);
        expect(headers.get("cache-control")).toBe("private, no-cache");
        expect(headers.get("access-control-expose-headers")).toContain("ETag");
        const tag = headers.get("etag")!;
        const head = await call(gateway.url, `HEAD ${path}`, { token: owner.token });
        expect([head.status, head.headers.get("etag"), head.body]).toEqual([200, tag, ""]);
        for (const method of ["GET", "HEAD"]) {
          const same = await call(gateway.url, `${method} ${path}`, {
            token: owner.token,
            headers: { "if-none-match": `"x", W/${tag}` },
          });
          expect([same.status, same.body, same.headers.get("etag")], `${method} ${path}`).toEqual([304, "", tag]);
          expect(same.headers.get("x-request-id")).not.toBeNull();
        }
      }
    });

    test("answers to anything but GET have no tag, and If-None-Match is nothing to them", async () => {
      const { token } = owner;
      const created = await call(gateway.url, "POST /api/v1/tasks", {
        token,
        body: taskBody(),
        headers: { "if-none-match": "*" },
      });
      expect(created.status).toBe(201);
      expect(created.headers.get("etag")).toBeNull();
    });

    test("errors have no tag, no age, and are not to be kept", async () => {
      const { headers, status } = await get("/api/v1/tasks/tsk_nobody", owner, { "if-none-match": "*" });
      expect(status).toBe(404);
      expect(headers.get("cache-control")).toBe("no-store");
      for (const name of ["etag", "age", "cache-status"]) expect(headers.get(name)).toBeNull();
    });
  });

  test("R-18: 500 requests at once for a task that is not kept make one call of the service", async () => {
    const taskId = await newTask(gateway.url, owner);
    const before = asked(gateway, "tasks", "GetTask");
    const answers = await Promise.all(Array.from({ length: 500 }, () => get(`/api/v1/tasks/${taskId}`, owner)));
    const calls = asked(gateway, "tasks", "GetTask") - before;
    if (cannot("let a request wait for another's work")) expect(calls).toBeGreaterThan(0);
    else expect(calls).toBe(1);
    // So many at once from the process that also answers them: it may turn some away, and does nothing for those.
    for (const { status, body } of answers) if (status !== 200) expect([status, body.code]).toEqual(OVERLOADED);
    expect(answers.some(({ status }) => status === 200)).toBe(true);
  });
});

describe("a gateway whose answers are stale at once", () => {
  let gateway: ScriptedGateway;
  let owner: Person;
  beforeAll(async () => {
    gateway = await startScriptedGateway({ ...UNLIMITED, CACHE_TTL: "0.000000001" });
    owner = await client(gateway);
  });
  afterAll(() => gateway.stop());

  test("asks the service for every request", async () => {
    const taskId = await newTask(gateway.url, owner);
    const before = asked(gateway, "tasks", "GetTask");
    for (let n = 0; n < 3; n++) await call(gateway.url, `GET /api/v1/tasks/${taskId}`, { token: owner.token });
    expect(asked(gateway, "tasks", "GetTask") - before).toBe(3);
  });

  test("R-19: gives the last one, marked, while the service is down; and refuses what it never saw, and every write", async () => {
    const { token } = owner;
    const taskId = await newTask(gateway.url, owner);
    const unseen = await newTask(gateway.url, owner);
    const path = `/api/v1/tasks/${taskId}`;
    const before = await call(gateway.url, `GET ${path}`, { token });
    const stranger = await client(gateway);
    gateway.scripted.tasks.answer({ getTask: down, listTasks: down, updateTask: down });
    try {
      const during = await call(gateway.url, `GET ${path}`, { token });
      expect(during.status).toBe(200);
      expect(during.body).toEqual(before.body);
      expect(during.headers.get("age")).toMatch(/^\d+$/);
      expect(during.headers.get("cache-status")).toMatch(
        /^devmatch; fwd=stale; detail=service-unavailable; ttl=-?\d+$/,
      );
      await gateway.untilLogged();
      const line = gateway.log.findLast((each) => each.route === "/api/v1/tasks/{task_id}");
      expect(line).toMatchObject({ stale: "GetTask", stale_because: "SERVICE_UNAVAILABLE" });
      expect((await call(gateway.url, `GET ${path}`, { token: stranger.token })).status, "to its reader").toBe(403);
      expect((await call(gateway.url, `GET /api/v1/tasks/${unseen}`, { token })).status).toBe(503);
      const write = await call(gateway.url, `PUT ${path}`, { token, body: { title: "x" } });
      expect(write.status).toBe(503);
    } finally {
      gateway.scripted.tasks.reset();
    }
    const after = await call(gateway.url, `GET ${path}`, { token });
    expect(after.headers.get("cache-status")).toBe("devmatch; fwd=miss");
  });
});
