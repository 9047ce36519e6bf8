import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, call, register } from "../support/gateway-under-test.ts";
import type { SuiteTarget } from "./suite-target.ts";

export interface SecretsTarget extends SuiteTarget {
  /** All that the gateway has written until now, as text. */
  written(): Promise<string>;
  /** The token of `/metrics`. */
  readonly metricsToken: string;
  /** What the gateway was configured with and must keep to itself. */
  readonly configured: readonly string[];
}

/** A password by the rules, and nothing that anything else would contain. */
function canary(): string {
  return `Canary9${crypto.randomUUID().replaceAll("-", "")}`;
}

type Made = Promise<readonly Answer[]>;
type Row = readonly [where: string, request: (url: string, secret: string) => Made];

const TASK = { title: "Secrets", skill_tags: ["x"], budget_lower_bound: 1, budget_upper_bound: 2 };
const account = (password: unknown) => ({
  email: `secret-${crypto.randomUUID()}@devmatch.example`,
  password,
  display_name: "Secret",
  user_type: "CLIENT",
});

/** "Never a token, password or body": secrets in every place of a request, looked for in everything that is written. */
export function secretsSuite(target: () => SecretsTarget): void {
  let token: string;
  beforeAll(async () => {
    ({ token } = await register(target().url, "CLIENT"));
  });
  const post = (path: string, body: unknown) => call(target().url, `POST ${path}`, { token, body });

  const rows: readonly Row[] = [
    ["a bearer token that is none", async (url, secret) => [await call(url, "GET /api/v1/auth/me", { token: secret })]],
    [
      "a bearer token in three parts",
      async (url, secret) => [await call(url, "GET /api/v1/auth/me", { token: `${secret}.${secret}.${secret}` })],
    ],
    [
      "Basic credentials",
      async (url, secret) => [
        await call(url, "GET /api/v1/auth/me", { headers: { authorization: `Basic ${secret}` } }),
      ],
    ],
    [
      "a cookie and headers of other systems",
      async (url, secret) => [
        await call(url, "GET /api/v1/auth/me", {
          headers: { cookie: `s=${secret}`, "x-api-key": secret, "proxy-authorization": secret },
        }),
      ],
    ],
    [
      "a request id that is not fit to be one",
      async (url, secret) => [
        await call(url, "GET /api/v1/auth/me", { headers: { "x-request-id": `${secret} ${secret}` } }),
      ],
    ],
    [
      "the query of a route that takes none",
      async (url, secret) => [await call(url, `GET /api/v1/auth/me?access_token=${secret}`, { token })],
    ],
    [
      "the query of no route",
      async (url, secret) => [await call(url, `GET /oauth/callback?code=${secret}&state=${secret}`)],
    ],
    [
      "a parameter of another type",
      async (url, secret) => [await call(url, `GET /api/v1/tasks?limit=${secret}&status=${secret}`, { token })],
    ],
    [
      "the query of a probe",
      async (url, secret) => [
        await call(url, `GET /health/ready?token=${secret}`),
        await call(url, `GET /health/live?token=${secret}`),
      ],
    ],
    ["a good password", async (_url, secret) => [await post("/api/v1/auth/register", account(secret))]],
    [
      "a password of a known address",
      async (_url, secret) => {
        const body = account("Correct-horse-1");
        return [
          await post("/api/v1/auth/register", body),
          await post("/api/v1/auth/register", { ...body, password: secret }),
        ];
      },
    ],
    [
      "a password against the rules",
      async (_url, secret) => [await post("/api/v1/auth/register", account(secret.toLowerCase()))],
    ],
    [
      "a password that is too long",
      async (_url, secret) => [await post("/api/v1/auth/register", account(secret.repeat(10)))],
    ],
    [
      "a password of another type",
      async (_url, secret) => [await post("/api/v1/auth/register", account([{ secret }]))],
    ],
    [
      "a password where the address belongs",
      async (_url, secret) => [await post("/api/v1/auth/register", { ...account(secret), email: secret })],
    ],
    [
      "a password where the type belongs",
      async (_url, secret) => [await post("/api/v1/auth/register", { ...account(secret), user_type: secret })],
    ],
    [
      "a wrong password",
      async (_url, secret) => [
        await post("/api/v1/auth/login", { email: "nobody@devmatch.example", password: secret }),
      ],
    ],
    [
      "a refresh token that is none",
      async (_url, secret) => [await post("/api/v1/auth/refresh", { refresh_token: secret })],
    ],
    [
      "a refresh token of another type",
      async (_url, secret) => [await post("/api/v1/auth/refresh", { refresh_token: { secret } })],
    ],
    [
      "a refresh token to log out with",
      async (url, secret) => {
        const person = await register(url, "CLIENT");
        return [await call(url, "POST /api/v1/auth/logout", { token: person.token, body: { refresh_token: secret } })];
      },
    ],
    [
      "the value of an unknown field",
      async (_url, secret) => [await post("/api/v1/tasks", { ...TASK, api_key: secret })],
    ],
    [
      "a body that is no JSON",
      async (_url, secret) => [await post("/api/v1/tasks", `{"title": "${secret}" ${secret}}`)],
    ],
    ["a body that breaks off", async (_url, secret) => [await post("/api/v1/tasks", `{"title": "${secret}`)]],
    [
      "a body that is text",
      async (url, secret) => [
        await call(url, "POST /api/v1/tasks", { token, body: secret, headers: { "content-type": "text/plain" } }),
      ],
    ],
    ["a body of another type altogether", async (_url, secret) => [await post("/api/v1/tasks", [secret])]],
    [
      "numbers, dates and lists that are texts",
      async (_url, secret) => [
        await post("/api/v1/tasks", {
          title: [secret],
          skill_tags: secret,
          budget_lower_bound: secret,
          budget_upper_bound: { secret },
          repository_url: `ftp://${secret}`,
        }),
      ],
    ],
    [
      "credentials in a URL",
      async (_url, secret) => [
        await post("/api/v1/tasks", { ...TASK, repository_url: `https://me:${secret}@git.example/x` }),
      ],
    ],
    ["the metrics token of somebody else", async (url, secret) => [await call(url, "GET /metrics", { token: secret })]],
  ];

  describe("nothing that is written has", () => {
    test.each(rows)("%s", async (_where, request) => {
      const { url } = target();
      const secret = canary();
      const answers = await request(url, secret);
      expect(answers).not.toEqual([]);
      for (const { status, headers, body } of answers) {
        const told = JSON.stringify([[...headers], body]);
        // What succeeded may tell its caller what its caller sent; an error must not.
        if (status >= 400) expectWithout(told, secret);
      }
      await expectNowhere(secret);
    });

    test("the tokens and passwords of those who sign in, refresh and sign out", async () => {
      const { url } = target();
      const password = canary();
      const body = account(password);
      const registered = (await call(url, "POST /api/v1/auth/register", { body })).body;
      const login = (await call(url, "POST /api/v1/auth/login", { body: { email: body.email, password } })).body;
      const refresh = { refresh_token: login.refresh_token };
      const refreshed = (await call(url, "POST /api/v1/auth/refresh", { body: refresh })).body;
      await call(url, "GET /api/v1/auth/me", { token: refreshed.access_token });
      await call(url, "POST /api/v1/auth/logout", { token: refreshed.access_token, body: refresh });
      await call(url, "GET /api/v1/auth/me", { token: refreshed.access_token });
      await call(url, "POST /api/v1/auth/refresh", { body: refresh });
      for (const session of [registered, login, refreshed]) {
        expect(session).toMatchObject({ access_token: expect.any(String), refresh_token: expect.any(String) });
        // The parts that make a token one: its MAC. The rest is claims.
        await expectNowhere(session.access_token.split(".")[2]);
        await expectNowhere(session.refresh_token.split(".")[2]);
      }
      await expectNowhere(password);
    });

    test("what the gateway was configured with", async () => {
      for (const secret of target().configured) await expectNowhere(secret);
    });
  });

  describe("/metrics with a token configured", () => {
    test.each([
      ["no token", {}, 'Bearer realm="devmatch"'],
      ["a wrong one", { authorization: "Bearer wrong" }, /error="invalid_token"/],
      ["the right one under another scheme", { authorization: "Basic METRICS" }, /^Bearer /],
      ["a beginning of it", { authorization: "Bearer METRIC" }, /error="invalid_token"/],
    ])("is 401 with %s", async (_what, headers: Record<string, string>, challenge) => {
      const { url, metricsToken } = target();
      const authorization = headers.authorization
        ?.replace("METRICS", metricsToken)
        .replace("METRIC", metricsToken.slice(0, -1));
      const answer = await call(url, "GET /metrics", { headers: authorization === undefined ? {} : { authorization } });
      expect(answer.status).toBe(401);
      expect(answer.body.code).toBe("AUTHENTICATION_FAILED");
      expect(answer.headers.get("www-authenticate")).toMatch(challenge);
    });

    test("is 401 with a user's token, however mighty the user", async () => {
      expect((await call(target().url, "GET /metrics", { token })).status).toBe(401);
    });

    test("is there with the right one, and the token opens nothing else", async () => {
      const { url, metricsToken } = target();
      expect((await call(url, "GET /metrics", { token: metricsToken })).status).toBe(200);
      expect((await call(url, "GET /api/v1/auth/me", { token: metricsToken })).status).toBe(401);
    });

    test("does not ask for it at the probes", async () => {
      for (const path of ["", "/detailed", "/ready", "/live"]) {
        expect((await call(target().url, `GET /health${path}`)).status, path).toBe(200);
      }
    });
  });

  async function expectNowhere(secret: string): Promise<void> {
    const { url, metricsToken, written } = target();
    expect(secret.length, "long enough to be found").toBeGreaterThan(16);
    expectWithout(await written(), secret);
    expectWithout((await call(url, "GET /metrics", { token: metricsToken })).body, secret);
  }
}

/** In any letter case: a message may have been put together from a lower-cased copy. */
function expectWithout(text: string, secret: string): void {
  expect(text).not.toBe("");
  const at = text.toLowerCase().indexOf(secret.toLowerCase());
  expect(at < 0 ? "" : text.slice(Math.max(0, at - 200), at + 60)).toBe("");
}
