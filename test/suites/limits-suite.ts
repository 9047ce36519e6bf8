import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, type CallOptions, call, type Person, register } from "../support/gateway-under-test.ts";
import {
  expectRefusal,
  METHOD_NOT_ALLOWED,
  NOT_FOUND,
  NOT_JSON,
  OVER_LIMIT,
  type Refusal,
  TOO_LARGE,
  UNAUTHENTICATED,
} from "../support/problems.ts";

/** What the gateway under test must be told. The window is a day, so that no test runs into the next one. */
export const LIMITS: Readonly<Record<string, string>> = {
  RATE_LIMIT_REQUESTS: "6",
  RATE_LIMIT_ANONYMOUS: "4",
  RATE_LIMIT_LOGIN: "3",
  RATE_LIMIT_WINDOW: "86400",
};
const PER_USER = 6;
const PER_ADDRESS = 4;
const PER_ACCOUNT = 3;
const SIGN_INS_PER_ADDRESS = 30;

export interface LimitsTarget {
  /** Without a slash at its end. */
  readonly url: string;
  /** Headers that make the gateway see a request as coming from this address. */
  readonly from: (address: string) => Readonly<Record<string, string>>;
}

let addresses = 0;

/** One that no test has used, of a range for documentation (RFC 5737). */
function newAddress(): string {
  addresses += 1;
  return `198.51.100.${addresses}`;
}

const login = (email: string, password: string) => ({ body: { email, password } });

/** The limits as a client meets them: promises 6 and 8, J-28. */
export function limitsSuite(target: () => LimitsTarget): void {
  const times = async (count: number, ask: (index: number) => Promise<Answer>): Promise<number[]> => {
    const statuses: number[] = [];
    for (let index = 0; index < count; index++) statuses.push((await ask(index)).status);
    return statuses;
  };
  const ask = (request: string, address: string, options: CallOptions = {}) =>
    call(target().url, request, { ...options, headers: { ...target().from(address), ...options.headers } });
  const refused = (request: string, address: string, options: CallOptions, refusal: Refusal) =>
    expectRefusal(
      target().url,
      request,
      { ...options, headers: { ...target().from(address), ...options.headers } },
      refusal,
    );
  const exhaust = (address: string) => times(PER_ADDRESS, () => ask("GET /no/such/route", address));

  describe("a signed-in user", () => {
    test("has the limit and no more, wherever the requests come from, and leaves the others theirs", async () => {
      const { url } = target();
      const [one, other] = [await register(url, "CLIENT"), await register(url, "CLIENT")];
      const me = (person: Person) => ask("GET /api/v1/auth/me", newAddress(), { token: person.token });
      expect(await times(PER_USER + 2, () => me(one))).toEqual([...Array(PER_USER).fill(200), 429, 429]);
      expect((await me(other)).status).toBe(200);
    });

    test("is told where it stands, in the draft's fields and in those of today's clients", async () => {
      const { token } = await register(target().url, "CLIENT");
      const { headers } = await ask("GET /api/v1/auth/me", newAddress(), { token });
      expect(headers.get("ratelimit-policy")).toBe(`"user";q=${PER_USER};w=86400`);
      expect(headers.get("ratelimit")).toMatch(/^"user";r=5;t=\d+$/);
      expect(headers.get("x-ratelimit-limit")).toBe(String(PER_USER));
      expect(headers.get("x-ratelimit-remaining")).toBe("5");
      const resetSeconds = Number(headers.get("x-ratelimit-reset"));
      expect(resetSeconds).toBeGreaterThan(0);
      expect(resetSeconds).toBeLessThanOrEqual(86_401);
      expect(headers.get("retry-after")).toBeNull();
    });

    test("beyond the limit reads the registered problem type, which limit it was, and how long to wait", async () => {
      const { token } = await register(target().url, "CLIENT");
      const address = newAddress();
      await times(PER_USER, () => ask("GET /api/v1/auth/me", address, { token }));
      const { body, headers } = await refused("GET /api/v1/auth/me", address, { token }, OVER_LIMIT);
      expect(body.type).toBe("https://iana.org/assignments/http-problem-types#quota-exceeded");
      expect(body["violated-policies"]).toEqual(["user"]);
      expect(headers.get("ratelimit")).toMatch(/^"user";r=0;t=\d+$/);
      const waitSeconds = Number(headers.get("retry-after"));
      expect(waitSeconds).toBeGreaterThan(0);
      expect(waitSeconds).toBeLessThanOrEqual(86_401);
    });

    test("is refused for the limit before the role, the type and the content of a body", async () => {
      const { token } = await register(target().url, "DEVELOPER");
      const address = newAddress();
      await times(PER_USER, () => ask("GET /api/v1/auth/me", address, { token }));
      const text = { "content-type": "text/plain" };
      await refused("POST /api/v1/tasks", address, { token, body: "x", headers: text }, OVER_LIMIT);
      await refused("GET /api/v1/tasks?x=1", address, { token }, OVER_LIMIT);
      await refused("PUT /api/v1/users/developers/somebody", address, { token, body: {} }, OVER_LIMIT);
    });
  });

  describe("an address that nobody has signed in from", () => {
    const rows: readonly (readonly [because: string, request: string, token: string | undefined, refusal: Refusal])[] =
      [
        ["no such route", "GET /no/such/route", undefined, NOT_FOUND],
        ["another method", "DELETE /api/v1/tasks", undefined, METHOD_NOT_ALLOWED],
        ["no token", "GET /api/v1/auth/me", undefined, UNAUTHENTICATED],
        ["a bad token", "GET /api/v1/tasks", "gar.ba.ge", UNAUTHENTICATED],
      ];

    test("has one limit for all that is refused without knowing who asks", async () => {
      const address = newAddress();
      for (const [, request, token, refusal] of rows) await refused(request, address, { token }, refusal);
      for (const [, request, token] of rows) {
        const { body } = await refused(request, address, { token }, OVER_LIMIT);
        expect(body["violated-policies"]).toEqual(["anonymous"]);
      }
      await refused("GET /no/such/route", newAddress(), {}, NOT_FOUND);
    });

    test.each(rows)("is told where it stands: %s", async (_because, request, token, refusal) => {
      const { headers } = await refused(request, newAddress(), { token }, refusal);
      expect(headers.get("ratelimit")).toMatch(/^"anonymous";r=3;t=\d+$/);
    });

    test("beyond its limit keeps whoever is signed in there in service", async () => {
      const { token } = await register(target().url, "CLIENT");
      const address = newAddress();
      await exhaust(address);
      expect((await ask("GET /api/v1/auth/me", address, { token })).status).toBe(200);
    });

    test("beyond its limit still reads probes, metrics and preflights", async () => {
      const address = newAddress();
      await exhaust(address);
      await refused("GET /no/such/route", address, {}, OVER_LIMIT);
      for (const probe of ["/health", "/health/live", "/health/ready", "/metrics"]) {
        expect((await ask(`GET ${probe}`, address)).status, probe).toBe(200);
      }
      const headers = { origin: "http://localhost:3000", "access-control-request-method": "GET" };
      expect((await ask("OPTIONS /api/v1/tasks", address, { headers })).status).toBe(204);
    });

    test("is a /64 in IPv6, and the IPv4 address that is written as IPv6", async () => {
      const inOneNetwork = ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3", "2001:0db8::4", "2001:db8::5"];
      const statuses = await times(5, (index) => ask("GET /no/such/route", inOneNetwork[index]!));
      expect(statuses).toEqual([404, 404, 404, 404, 429]);
      expect((await ask("GET /no/such/route", "2001:db8:0:1::1")).status).toBe(404);
      const mapped = newAddress();
      await exhaust(mapped);
      expect((await ask("GET /no/such/route", `::ffff:${mapped}`)).status).toBe(429);
    });
  });

  describe("guessing at an account (J-28)", () => {
    test("is slowed whatever addresses the guesses come from, and however the address is written", async () => {
      const { email } = await register(target().url, "CLIENT");
      const spellings = [email, email.toUpperCase(), email.replace("person", "Person")];
      const guess = (index: number) =>
        ask("POST /api/v1/auth/login", newAddress(), login(spellings[index % 3]!, "Wrong-horse-1"));
      // Its registration was one.
      expect(await times(PER_ACCOUNT + 1, guess)).toEqual([401, 401, 429, 429]);
    });

    test("leaves other accounts alone, and whoever is signed in to this one", async () => {
      const [one, other] = [await register(target().url, "CLIENT"), await register(target().url, "CLIENT")];
      await times(PER_ACCOUNT, () => ask("POST /api/v1/auth/login", newAddress(), login(one.email, "Wrong-horse-1")));
      expect((await ask("GET /api/v1/auth/me", newAddress(), { token: one.token })).status).toBe(200);
      const refresh = { body: { refresh_token: one.refreshToken } };
      expect((await ask("POST /api/v1/auth/refresh", newAddress(), refresh)).status).toBe(200);
      const signIn = login(other.email, other.password);
      expect((await ask("POST /api/v1/auth/login", newAddress(), signIn)).status).toBe(200);
    });

    test("locks its owner out at no address that the owner has signed in from (promise 8)", async () => {
      const home = newAddress();
      const email = `owner-of-${home}@devmatch.example`;
      const password = "Correct-horse-1";
      const body = { email, password, display_name: "Owner", user_type: "CLIENT" };
      expect((await ask("POST /api/v1/auth/register", home, { body })).status).toBe(201);
      const guess = () => ask("POST /api/v1/auth/login", newAddress(), login(email, "Wrong-horse-1"));
      expect(await times(PER_ACCOUNT + 2, guess)).toEqual([401, 401, 429, 429, 429]);
      const signIn = (address: string) => ask("POST /api/v1/auth/login", address, login(email, password));
      expect((await signIn(newAddress())).status).toBe(429);
      expect((await signIn(home)).status).toBe(200);
      // And has no more guesses there than anywhere.
      expect(await times(PER_ACCOUNT, () => signIn(home))).toEqual([200, 429, 429]);
    });

    test("is slowed per address, whatever accounts the guesses are at", async () => {
      const address = newAddress();
      const guess = (index: number) =>
        ask("POST /api/v1/auth/login", address, login(`nobody-${index}-${address}@devmatch.example`, "Wrong-horse-1"));
      const statuses = await times(SIGN_INS_PER_ADDRESS + 1, guess);
      expect(statuses).toEqual([...Array(SIGN_INS_PER_ADDRESS).fill(401), 429]);
      const { body } = await guess(99);
      expect(body["violated-policies"]).toEqual(["sign-in"]);
    });

    test("from an address that is beyond its limit locks nobody out, however long it goes on (promise 8)", async () => {
      const address = newAddress();
      const { email, password } = await register(target().url, "CLIENT");
      const guess = (at: string) => ask("POST /api/v1/auth/login", address, login(at, "Wrong-horse-1"));
      await times(SIGN_INS_PER_ADDRESS, (index) => guess(`nobody-${index}-${address}@devmatch.example`));
      expect(await times(PER_ACCOUNT + 1, () => guess(email))).toEqual(Array(PER_ACCOUNT + 1).fill(429));
      expect((await ask("POST /api/v1/auth/login", newAddress(), login(email, password))).status).toBe(200);
    });

    test("says the same of an account that exists and of one that does not (J-27)", async () => {
      const { email } = await register(target().url, "CLIENT");
      const answers: { readonly guessed: string; readonly status: number; readonly shown: unknown }[] = [];
      for (const guessed of [email, `nobody-${newAddress()}@devmatch.example`]) {
        // A registration counts as one sign-in: the other gets one as well.
        if (guessed !== email) await ask("POST /api/v1/auth/login", newAddress(), login(guessed, "Wrong-horse-1"));
        for (let index = 0; index < PER_ACCOUNT; index++) {
          const { status, headers, body } = await ask(
            "POST /api/v1/auth/login",
            newAddress(),
            login(guessed, "Wrong-1"),
          );
          const unlike = new Set(["date", "x-request-id", "ratelimit", "x-ratelimit-reset", "retry-after"]);
          const shown = {
            body: { ...body, request_id: "…" },
            headers: [...headers].filter(([name]) => !unlike.has(name)),
          };
          answers.push({ guessed, status, shown });
        }
      }
      const of = (whose: boolean) =>
        answers.filter(({ guessed }) => (guessed === email) === whose).map(({ guessed: _, ...shown }) => shown);
      expect(of(true).map(({ status }) => status)).toEqual([401, 401, 429]);
      expect(of(false)).toEqual(of(true));
    });
  });

  describe("Connect clients", () => {
    test("have the same limits as those of REST, and read where they stand", async () => {
      const { token } = await register(target().url, "CLIENT");
      const rest = () => ask("GET /api/v1/auth/me", newAddress(), { token });
      const connect = () => ask("POST /gateway.v1.AuthService/GetMe", newAddress(), { token, body: {} });
      const both = (index: number) => (index % 2 === 0 ? rest() : connect());
      expect(await times(PER_USER, both)).toEqual(Array(PER_USER).fill(200));
      const { status, headers, body } = await connect();
      expect([status, body.code]).toEqual([429, "resource_exhausted"]);
      expect(headers.get("ratelimit")).toMatch(/^"user";r=0;t=\d+$/);
      expect(headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    });

    test("guess at an account within the same limit", async () => {
      const body = { email: `nobody-${newAddress()}@devmatch.example`, password: "Wrong-horse-1" };
      const routes = ["POST /api/v1/auth/login", "POST /gateway.v1.AuthService/Login"];
      const guess = (index: number) => ask(routes[index % 2]!, newAddress(), { body });
      expect(await times(PER_ACCOUNT + 2, guess)).toEqual([401, 401, 401, 429, 429]);
    });

    test("are strangers to an account that they guessed at in vain", async () => {
      const address = newAddress();
      const { email } = await register(target().url, "CLIENT");
      const guess = () => ask("POST /gateway.v1.AuthService/Login", address, login(email, "Wrong-horse-1"));
      expect(await times(PER_ACCOUNT, guess)).toEqual([401, 401, 429]);
    });

    test("of an rpc that is none count against their address", async () => {
      const address = newAddress();
      const wrong = () => ask("POST /gateway.v1.AuthService/Nothing", address, { body: {} });
      expect(await times(PER_ADDRESS + 1, wrong)).toEqual([404, 404, 404, 404, 429]);
    });
  });

  describe("a refresh", () => {
    test("counts against its session", async () => {
      const { refreshToken } = await register(target().url, "CLIENT");
      // A token that was just replaced is answered again, so the same one will do.
      const refresh = () => ask("POST /api/v1/auth/refresh", newAddress(), { body: { refresh_token: refreshToken } });
      expect(await times(PER_ACCOUNT + 1, refresh)).toEqual([200, 200, 200, 429]);
    });

    test("with a made-up token locks nobody out: it counts against the address alone", async () => {
      const { refreshToken } = await register(target().url, "CLIENT");
      const forged = refreshToken.slice(0, -6) + (refreshToken.endsWith("AAAAAA") ? "BBBBBB" : "AAAAAA");
      const forge = () => ask("POST /api/v1/auth/refresh", newAddress(), { body: { refresh_token: forged } });
      expect(await times(PER_ACCOUNT + 2, forge)).toEqual(Array(PER_ACCOUNT + 2).fill(401));
      const genuine = { body: { refresh_token: refreshToken } };
      expect((await ask("POST /api/v1/auth/refresh", newAddress(), genuine)).status).toBe(200);
    });
  });

  describe("a sign-in that is wrong in itself", () => {
    let over: string;
    beforeAll(async () => {
      over = newAddress();
      await times(SIGN_INS_PER_ADDRESS, () => ask("POST /api/v1/auth/login", over, { body: "{" }));
    });

    test.each([
      ["bad JSON", "{", {}, { status: 400, code: "VALIDATION_ERROR", fields: [""] }],
      ["a body of another type", "x", { "content-type": "text/plain" }, NOT_JSON],
      ["a body that is too large", "x".repeat(1_048_577), {}, TOO_LARGE],
    ] as const)(
      "is refused for that within the limit, and for the limit beyond it: %s",
      async (_, body, headers, refusal) => {
        await refused("POST /api/v1/auth/login", newAddress(), { body, headers }, refusal);
        await refused("POST /api/v1/auth/login", over, { body, headers }, OVER_LIMIT);
      },
    );
  });
}
