import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { UserType } from "#gen/platform/common/v1/common_pb.ts";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { loadConfig } from "#src/config.ts";
import { createGateway } from "#src/gateway.ts";
import { createAccessTokens } from "#src/identity/access-token.ts";
import { type Redis, type RedisCommand, type RedisReply, StoreUnavailable } from "#src/store/redis.ts";
import { createMemoryBreaker } from "#src/upstream/memory-breaker.ts";

const SECRET = "q7Tz!mW2vR9xLp4KdY8sBn3Hf6JcGa1E";
const NOW_MS = Date.UTC(2030, 0, 2, 3, 4, 5);
const PASSWORD = "Correct-horse-1";
const USER = { userId: "user-1", email: "me@example.com", displayName: "Me", userType: UserType.CLIENT };

/** What Redis answers when nobody has used anything and nothing is revoked. */
function fresh([name, ...args]: RedisCommand): RedisReply {
  if (name === "MGET") return args.map(() => null);
  if (name === "EXISTS") return 0;
  if (name === "TIME") return [String(NOW_MS / 1000), "0"];
  // Of the limits' script: its digest, two keys a limit with their number, then three values a limit, the quota first.
  const limits = Number(args[1]) / 2;
  return Array.from({ length: limits }, (_, index) => {
    const quota = Number(args[2 + limits * 2 + index * 3]);
    return [quota - 1, quota];
  });
}

/** A gateway whose Redis is counted, and answers as it is told. */
async function setUp(
  run: Redis["run"] | "none" = async (commands) => commands.map(fresh),
  env = {},
  keepAlive: (work: Promise<void>) => unknown = () => {},
) {
  const trips: string[][] = [];
  const config = loadConfig({ JWT_SECRET: SECRET, ...env }, { protocol: "connect" });
  const users = createRouterTransport(({ service }) => {
    service(UserService, {
      authenticateUser({ password }) {
        if (password === PASSWORD) return { user: USER };
        throw new ConnectError("wrong password", Code.Unauthenticated);
      },
      getUser: () => ({ user: USER }),
    });
  });
  const nobody = createRouterTransport(() => {});
  const gateway = await createGateway(config, {
    now: () => NOW_MS,
    writeLog: () => {},
    transports: { users, tasks: nobody, recommendation: nobody, orchestrator: nobody },
    createBreaker: (_service, setup) => createMemoryBreaker(setup),
    fetch: async () => new Response("ok"),
    redis:
      run === "none"
        ? undefined
        : {
            run(commands) {
              trips.push(commands.map(([name]) => name));
              return run(commands);
            },
          },
    keepAlive: (work) => void keepAlive(work),
    lifecycle: () => "ready",
    shouldShed: () => false,
  });
  const { issuer, audience } = config.tokens;
  const tokens = await createAccessTokens({
    secret: SECRET,
    issuer,
    audience,
    lifetimeSeconds: 3_600,
    now: () => NOW_MS,
  });
  const token = await tokens.mint({ userId: USER.userId, role: Role.CLIENT, sessionId: "session-1" });
  const ask = async (
    request: string,
    headers: Record<string, string> = {},
    body?: string,
    peerAddress: string | undefined = "192.0.2.1",
  ) => {
    const [method = "", path = ""] = request.split(" ", 2);
    const init = { method, headers, ...(body !== undefined && { body }) };
    return gateway.fetch(new Request(`http://gateway.test${path}`, init), { peerAddress });
  };
  return { ask, token, trips };
}

const JSON_TYPE = { "content-type": "application/json" };
const LOGIN = JSON.stringify({ email: USER.email, password: "Wrong-horse-1" });

type Row = readonly [
  because: string,
  request: string,
  headers: Record<string, string>,
  body: string | undefined,
  status: number,
  commands: readonly string[],
];

/** `@` stands for a good token. */
const ROWS: readonly Row[] = [
  ["a call", "GET /api/v1/auth/me", { authorization: "Bearer @" }, undefined, 200, ["EVALSHA", "MGET"]],
  ["no token", "GET /api/v1/auth/me", {}, undefined, 401, ["EVALSHA"]],
  ["a bad token", "GET /api/v1/auth/me", { authorization: "Bearer a.b.c" }, undefined, 401, ["EVALSHA"]],
  ["no such route", "GET /no/such/route", {}, undefined, 404, ["EVALSHA"]],
  [
    "a sign-in: address, account from here, account, everybody; and whether the two have met",
    "POST /api/v1/auth/login",
    JSON_TYPE,
    LOGIN,
    401,
    ["EVALSHA", "EXISTS"],
  ],
  ["a sign-in that cannot be read", "POST /api/v1/auth/login", JSON_TYPE, "{", 400, ["EVALSHA"]],
  [
    "a refresh with a token that is not ours",
    "POST /api/v1/auth/refresh",
    JSON_TYPE,
    JSON.stringify({ refresh_token: "made-up" }),
    401,
    ["EVALSHA"],
  ],
];

test.each(ROWS)("one round trip to the store: %s", async (_because, request, headers, body, status, commands) => {
  const { ask, token, trips } = await setUp(undefined, { CACHE_TTL: "0" });
  const withToken = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replace("@", token)]),
  );
  const answer = await ask(request, withToken, body);
  expect(answer.status).toBe(status);
  // The first question asks for the store's time as well.
  expect(trips).toEqual([[...commands, "TIME"]]);
  expect(answer.headers.get("ratelimit")).not.toBeNull();
});

test("with the cache in the store a read has a second one, for the answer; to keep it nobody waits", async () => {
  const work: Promise<void>[] = [];
  const { ask, token, trips } = await setUp(undefined, {}, (kept) => work.push(kept));
  expect((await ask("GET /api/v1/auth/me", { Authorization: `Bearer ${token}` })).status).toBe(200);
  await Promise.all(work);
  expect(trips).toEqual([["EVALSHA", "MGET", "TIME"], ["GET", "GET"], ["SET"]]);
  // For a second this process believes its own copy.
  expect((await ask("GET /api/v1/auth/me", { Authorization: `Bearer ${token}` })).status).toBe(200);
  expect(trips.slice(3)).toEqual([["EVALSHA", "MGET"]]);
});

test.each(["/health", "/health/live", "/health/ready", "/metrics"])("none for a probe: %s", async (path) => {
  const { ask, trips } = await setUp();
  expect((await ask(`GET ${path}`)).status).toBe(200);
  expect(trips).toEqual([]);
});

test("sign-ins are limited in all, and who is known at an address signs in there all the same (J-28)", async () => {
  // Two for each account: twenty for each address, two hundred in all.
  const { ask } = await setUp("none", { RATE_LIMIT_LOGIN: "2" });
  const signIn = (email: string, password: string, address: string) =>
    ask("POST /api/v1/auth/login", JSON_TYPE, JSON.stringify({ email, password }), address);
  expect((await signIn(USER.email, PASSWORD, "198.51.100.1")).status).toBe(200);
  const statuses = [];
  for (let index = 0; index < 200; index++) {
    const address = `203.0.113.${Math.floor(index / 20)}`;
    statuses.push((await signIn(`nobody-${index}@example.com`, "Wrong-horse-1", address)).status);
  }
  expect(statuses).toEqual([...Array(199).fill(401), 429]);
  const refused = await signIn("nobody-200@example.com", "Wrong-horse-1", "203.0.113.200");
  expect((await refused.json())["violated-policies"]).toEqual(["sign-in-total"]);
  // Where everybody stands together is nobody's to know.
  expect(refused.headers.get("ratelimit")).not.toContain("total");
  expect((await signIn(USER.email, PASSWORD, "198.51.100.2")).status).toBe(429);
  expect((await signIn(USER.email, PASSWORD, "198.51.100.1")).status).toBe(200);
});

test("an address beyond its own limit uses up no more of what sign-ins have in all (promise 8)", async () => {
  // One for each account: ten for each address, a hundred in all.
  const { ask } = await setUp("none", { RATE_LIMIT_LOGIN: "1" });
  const signIn = (email: string, address: string) =>
    ask("POST /api/v1/auth/login", JSON_TYPE, JSON.stringify({ email, password: PASSWORD }), address);
  const statuses = [];
  for (let index = 0; index < 150; index++) {
    statuses.push((await signIn(`nobody-${index}@example.com`, "203.0.113.1")).status);
  }
  expect(statuses).toEqual([...Array(10).fill(200), ...Array(140).fill(429)]);
  expect((await signIn("somebody@example.com", "198.51.100.1")).status).toBe(200);
});

test("requests whose address nobody knows share one limit", async () => {
  const { ask } = await setUp("none", { RATE_LIMIT_ANONYMOUS: "3" });
  const statuses = [];
  for (const header of ["1", "2", "3", "4"]) {
    const headers = { "x-forwarded-for": `203.0.113.${header}` };
    statuses.push((await ask("GET /no/such/route", headers, undefined, "")).status);
  }
  expect(statuses).toEqual([404, 404, 404, 429]);
});

const NONSENSE: readonly (readonly [because: string, run: Redis["run"]])[] = [
  ["rejects", () => Promise.reject(new StoreUnavailable("no answer within 50 ms"))],
  ["rejects with what nobody expected", () => Promise.reject(new TypeError("x is not a function"))],
  [
    "throws",
    () => {
      throw new Error("at once");
    },
  ],
  ["answers nothing", async () => []],
  ["answers null to everything", async (commands) => commands.map(() => null)],
  ["answers OK to everything", async (commands) => commands.map(() => "OK")],
  ["answers lists to everything", async (commands) => commands.map(() => [[], [[]]])],
];

test.each(NONSENSE)("a store that %s makes no request a 5xx, and limits go on (R-14)", async (_because, run) => {
  const { ask, token } = await setUp(run);
  const statuses = [];
  for (let index = 0; index < 60; index++) statuses.push((await ask("GET /no/such/route")).status);
  expect(statuses).toEqual([...Array(50).fill(404), ...Array(10).fill(429)]);
  expect((await ask("GET /api/v1/auth/me", { authorization: `Bearer ${token}` })).status).toBe(200);
  expect((await ask("POST /api/v1/auth/login", JSON_TYPE, LOGIN)).status).toBe(401);
});
