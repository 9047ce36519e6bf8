import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { call } from "../support/gateway-under-test.ts";
import { type Cast, callRoute, gatherCast, ROUTES_WITH_NEEDS } from "../support/routes-with-needs.ts";
import type { ScriptedServices } from "../support/scripted-gateway.ts";
import type { SuiteTarget } from "./suite-target.ts";

export interface PlantedTarget extends SuiteTarget {
  readonly scripted: ScriptedServices;
}

const CANARY = "planted-canary";

/** What a client may send in the hope that somebody behind the gateway believes it. */
const PLANTED: Readonly<Record<string, string>> = {
  "x-user-id": CANARY,
  "x-user-role": "ADMIN",
  "x-user-type": "ADMIN",
  "x-role": "ADMIN",
  "x-forwarded-user": CANARY,
  "x-forwarded-for": "203.0.113.9",
  forwarded: "for=203.0.113.9",
  "x-real-ip": "203.0.113.9",
  "x-original-url": `/${CANARY}`,
  "x-http-method-override": "DELETE",
  cookie: `session=${CANARY}`,
  traceparent: "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
  tracestate: `vendor=${CANARY}`,
  baggage: `user=${CANARY}`,
  "grpc-timeout": "1n",
  "grpc-metadata-x-user-id": CANARY,
  "connect-timeout-ms": "1",
  "x-envoy-upstream-rq-timeout-ms": "1",
};

/** All that a service may see beside the message: what the gateway knows (contract.md section 3), and the protocol's own. */
const ALLOWED = ["x-user-id", "x-user-role", "x-request-id", "traceparent"];
const OF_THE_PROTOCOL = [
  ...["content-type", "content-length", "host", "te", "user-agent"],
  ...["grpc-accept-encoding", "grpc-timeout", "connect-protocol-version", "connect-timeout-ms"],
];

/** An identity counts when the verified token says it, wherever else one may stand. */
export function plantedIdentitySuite(target: () => PlantedTarget): void {
  let cast: Cast;
  beforeAll(async () => {
    cast = await gatherCast(target().url);
  });
  afterEach(() => {
    for (const service of Object.values(target().scripted)) service.reset();
  });

  describe("J-22 what a client plants in its headers is seen by no service:", () => {
    const rows = ROUTES_WITH_NEEDS.filter(({ needs }) => needs.length > 0).map(
      (route) => [route.route, route] as const,
    );
    test.each(rows)("%s", async (_name, route) => {
      const { url, scripted } = target();
      const requestId = `planted-${crypto.randomUUID()}`;
      const answer = await callRoute(url, route, cast, { headers: { ...PLANTED, "x-request-id": requestId } });
      expect(answer.status, JSON.stringify(answer.body)).toBe(route.status);

      const services = Object.entries(scripted) as [keyof ScriptedServices, ScriptedServices["users"]][];
      const arrived = services.map(([name, service]) => {
        const calls = service.arrived.filter(({ header }) => header.get("x-request-id") === requestId);
        return [name, calls] as const;
      });
      const asked = arrived.flatMap(([name, calls]) => (calls.length > 0 ? [name] : []));
      expect(asked.toSorted(), "these services and no others were asked").toEqual(route.needs.toSorted());

      const [, by] = route.request(cast);
      for (const { header, method } of arrived.flatMap(([, calls]) => calls)) {
        const names = [...header.keys()].filter((name) => !OF_THE_PROTOCOL.includes(name));
        expect(ALLOWED, method).toEqual(expect.arrayContaining(names));
        expect(header.get("x-user-id"), method).toBe(by?.userId ?? null);
        expect(header.get("x-user-role"), method).toBe(by === undefined ? null : roleOf(cast, by));
        expect(header.get("traceparent"), method).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);
        for (const name of ["traceparent", "grpc-timeout", "connect-timeout-ms"]) {
          expect(header.get(name), method).not.toBe(PLANTED[name]);
        }
        expect(JSON.stringify([...header]), method).not.toContain(CANARY);
        expect(JSON.stringify([...header]), method).not.toContain(by?.token ?? "Bearer");
      }
    });
  });

  describe("what a client plants in body or query is refused by its name:", () => {
    const TASK = { title: "Planted", skill_tags: ["x"], budget_lower_bound: 1, budget_upper_bound: 2 };
    type Row = readonly [where: string, field: string, request: (cast: Cast) => readonly [string, string, object?]];
    const rows: readonly Row[] = [
      [
        "a task's client",
        "client_id",
        ({ client }) => ["POST /api/v1/tasks", client.token, { ...TASK, client_id: "usr_x" }],
      ],
      [
        "the same, even where it is the caller",
        "client_id",
        ({ client }) => ["POST /api/v1/tasks", client.token, { ...TASK, client_id: client.userId }],
      ],
      [
        "the same in the spelling of JSON",
        "clientId",
        ({ client }) => ["POST /api/v1/tasks", client.token, { ...TASK, clientId: "usr_x" }],
      ],
      [
        "the same in the query",
        "client_id",
        ({ client }) => ["POST /api/v1/tasks?client_id=usr_x", client.token, TASK],
      ],
      [
        "a task's new owner",
        "client_id",
        ({ client, taskId }) => [`PUT /api/v1/tasks/${taskId}`, client.token, { title: "x", client_id: "usr_x" }],
      ],
      [
        "a task's assignee",
        "assignee_id",
        ({ client, taskId }) => [`PUT /api/v1/tasks/${taskId}`, client.token, { title: "x", assignee_id: "usr_x" }],
      ],
      [
        "another task than the path's",
        "task_id",
        ({ client, taskId }) => [`PUT /api/v1/tasks/${taskId}`, client.token, { title: "x", task_id: "tsk_x" }],
      ],
      [
        "another task than the path's, in the query",
        "task_id",
        ({ client, taskId }) => [`DELETE /api/v1/tasks/${taskId}?task_id=tsk_x`, client.token],
      ],
      [
        "another task to read than the path's",
        "task_id",
        ({ client, taskId }) => [`GET /api/v1/tasks/${taskId}?task_id=tsk_x`, client.token],
      ],
      [
        "a profile's user",
        "user_id",
        ({ newcomer }) => [
          "POST /api/v1/users/developers",
          newcomer.token,
          { display_name: "Planted", email: "x@devmatch.example", skill_tags: ["x"], user_id: "usr_x" },
        ],
      ],
      [
        "another profile than the path's",
        "user_id",
        ({ developer }) => [
          `PUT /api/v1/users/developers/${developer.userId}`,
          developer.token,
          { bio: "x", user_id: "usr_x" },
        ],
      ],
      [
        "another profile than the path's, in the query",
        "user_id",
        ({ developer }) => [
          `PUT /api/v1/users/developers/${developer.userId}?user_id=usr_x`,
          developer.token,
          { bio: "x" },
        ],
      ],
      [
        "another's presence",
        "user_id",
        ({ developer }) => [
          `PUT /api/v1/users/developers/${developer.userId}/presence`,
          developer.token,
          { presence: "IDLE", user_id: "usr_x" },
        ],
      ],
      [
        "a rating",
        "rating",
        ({ developer }) => [
          `PUT /api/v1/users/developers/${developer.userId}`,
          developer.token,
          { bio: "x", rating: 5 },
        ],
      ],
      [
        "an account other than the caller's",
        "user_id",
        ({ client }) => ["GET /api/v1/auth/me?user_id=usr_x", client.token],
      ],
      [
        "an account other than the caller's, with profile",
        "user_id",
        ({ client }) => ["GET /api/v1/users/me?user_id=usr_x", client.token],
      ],
      [
        "a verified address",
        "email_verified",
        () => [
          "POST /api/v1/auth/register",
          "",
          {
            email: "x@devmatch.example",
            password: "Correct-horse-1",
            display_name: "Planted",
            user_type: "CLIENT",
            email_verified: true,
          },
        ],
      ],
      [
        "a role beside the type",
        "role",
        () => [
          "POST /api/v1/auth/register",
          "",
          {
            email: "x@devmatch.example",
            password: "Correct-horse-1",
            display_name: "Planted",
            user_type: "CLIENT",
            role: "ADMIN",
          },
        ],
      ],
      [
        "a key that JavaScript has on every object",
        "__proto__",
        ({ client }) => ["POST /api/v1/tasks", client.token, JSON.parse('{"title":"x","__proto__":{"role":"ADMIN"}}')],
      ],
    ];
    test.each(rows)("%s (%s)", async (_where, field, request) => {
      const { url, scripted } = target();
      const before = Object.values(scripted).map(({ arrived }) => arrived.length);
      const [line, token, body] = request(cast);
      const answer = await call(url, line, { token: token === "" ? undefined : token, body });
      expect(answer.status, JSON.stringify(answer.body)).toBe(400);
      expect(answer.body.errors.map((error: { field: string }) => error.field)).toContain(field);
      const after = Object.values(scripted).map(({ arrived }) => arrived.length);
      expect(after, "no service has heard of it").toEqual(before);
    });
  });

  test("nobody registers as ADMIN, in any spelling, and the User Service is not asked", async () => {
    const { url, scripted } = target();
    const before = scripted.users.arrived.length;
    for (const userType of ["ADMIN", "admin", "USER_TYPE_ADMIN", 3]) {
      const email = `planted-${crypto.randomUUID()}@devmatch.example`;
      const body = { email, password: "Correct-horse-1", display_name: "Planted", user_type: userType };
      const answer = await call(url, "POST /api/v1/auth/register", { body });
      expect(`${answer.status} ${answer.body.code}`, String(userType)).toBe("403 ACCESS_DENIED");
    }
    expect(scripted.users.arrived).toHaveLength(before);
  });
}

function roleOf({ client, leaver }: Cast, person: Cast["client"]): string {
  return person === client || person === leaver ? "CLIENT" : "DEVELOPER";
}
