import { setTimeout as wait } from "node:timers/promises";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { type Answer, call, type Person, register } from "../support/gateway-under-test.ts";
import type { SharedGateways } from "../support/shared-gateways.ts";
import { UNLIMITED } from "../support/unlimited.ts";
import type { Fault, UpstashShim } from "../support/upstash-shim.ts";

const refresh = (url: string, refreshToken: string) =>
  call(url, "POST /api/v1/auth/refresh", { body: { refresh_token: refreshToken } });
const me = async (url: string, token: string) => (await call(url, "GET /api/v1/auth/me", { token })).status;
/** `session.generation.mac`: how far a family has come. */
const generationOf = (refreshToken: string) => Number(refreshToken.split(".")[1]);

/** Two gateways on one Redis, whichever way they reach it. */
export function sharedSessionSuite(target: () => SharedGateways): void {
  const urls = () => target().urls;

  test("a session that began on one instance goes on on the other", async () => {
    const [here, there] = urls();
    const person = await register(here, "CLIENT");
    expect(await me(there, person.token)).toBe(200);
    const next = await refresh(there, person.refreshToken);
    expect(next.status).toBe(200);
    expect(await me(here, next.body.access_token)).toBe(200);
  });

  test("logging out on one instance ends the session on the other, at once (J-14)", async () => {
    const [here, there] = urls();
    const person = await register(here, "CLIENT");
    expect((await call(here, "POST /api/v1/auth/logout", { token: person.token })).status).toBe(200);
    expect(await me(there, person.token)).toBe(401);
    expect((await refresh(there, person.refreshToken)).status).toBe(401);
  });

  test("all sessions of a user end together, on every instance, and nobody else's", async () => {
    const [here, there] = urls();
    const [person, other] = [await register(here, "CLIENT"), await register(here, "CLIENT")];
    const elsewhere = await signIn(there, person);
    const body = { all_sessions: true };
    expect((await call(here, "POST /api/v1/auth/logout", { token: person.token, body })).status).toBe(200);
    for (const url of urls()) {
      expect(await me(url, person.token)).toBe(401);
      expect(await me(url, elsewhere.access_token)).toBe(401);
      expect((await refresh(url, elsewhere.refresh_token)).status).toBe(401);
      expect(await me(url, other.token)).toBe(200);
    }
    expect(await me(there, (await signIn(there, person)).access_token)).toBe(200);
  });

  test("50 parallel refreshes of one token on two instances: one lineage, no 5xx, nobody signed out (J-12, J-13)", async () => {
    const person = await register(urls()[0], "DEVELOPER");
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, count) => refresh(urls()[count % 2]!, person.refreshToken)),
    );
    expect(answers.filter(({ status }) => status !== 200).map(({ body }) => body)).toEqual([]);
    // One head: all of them have the same successor.
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
    const head: string = answers[0]!.body.refresh_token;
    expect(generationOf(head)).toBe(2);
    for (const url of urls()) expect(await me(url, answers.at(-1)!.body.access_token)).toBe(200);
    const next = await refresh(urls()[1], head);
    expect(next.status).toBe(200);
    expect(generationOf(next.body.refresh_token)).toBe(3);
  });
}

/** What clients see while requests to the store get lost, or their answers. */
export function lostReplySuite(target: () => { readonly gateways: SharedGateways; readonly shim: UpstashShim }): void {
  const urls = () => target().gateways.urls;
  let bystander: Person | undefined;

  /** Asked by somebody else, so that no test starts with a breaker that the one before has opened. */
  const untilBreakersAreClosed = async () => {
    bystander ??= await register(urls()[0], "CLIENT");
    const { token } = bystander;
    for (const url of urls()) {
      // While it cannot ask the store, a gateway has half of the limit, and says so.
      const limit = async () => (await call(url, "GET /api/v1/auth/me", { token })).headers.get("x-ratelimit-limit");
      while ((await limit()) !== UNLIMITED.RATE_LIMIT_REQUESTS) await wait(100);
    }
  };
  beforeAll(() => {
    // Limits and acquaintances are asked for by every request, and their faults are nobody's 503.
    target().shim.isFaulty = (body) => !/:(?:limit|met):/.test(body);
  });
  beforeEach(untilBreakersAreClosed);

  /** What comes of a call while the next requests to the store go wrong so. */
  const withFaults = async (faults: readonly Fault[], ask: () => Promise<Answer>): Promise<Answer> => {
    await untilBreakersAreClosed();
    target().shim.faults.push(...faults);
    const answer = await ask();
    target().shim.faults.length = 0;
    if (answer.status === 503) expect(answer.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    return answer;
  };

  test("a client that is given up at any point of a refresh tries again and is signed in (R-15, R-22, R-23)", async () => {
    const [here, there] = urls();
    let { refreshToken } = await register(there, "CLIENT");
    // A refresh is a question and a rotation; each may come through, be lost, or lose its reply alone.
    const kinds: readonly Fault[] = ["none", "lost", "lost-reply"];
    const failures: string[] = [];
    for (const faults of kinds.flatMap((first) => kinds.map((second) => [first, second] as const))) {
      const first = await withFaults(faults, () => refresh(here, refreshToken));
      if (first.status !== 200) failures.push(`${first.status} ${faults.join(", ")}`);
      const answer = first.status === 200 ? first : await refresh(there, refreshToken);
      expect([faults, answer.status]).toEqual([faults, 200]);
      expect(await me(there, answer.body.access_token)).toBe(200);
      refreshToken = answer.body.refresh_token;
    }
    expect(failures).toHaveLength(8);
    expect(failures.every((failure) => failure.startsWith("503 "))).toBe(true);
    expect((await refresh(there, refreshToken)).status).toBe(200);
  });

  test("a client that is given up at random points, again and again, is never signed out (R-22)", async () => {
    const [here, there] = urls();
    let { refreshToken } = await register(there, "CLIENT");
    for (let round = 0; round < 40; round += 1) {
      // Seen by either gateway's next request, whichever comes first.
      target().shim.faults.push(
        ...Array.from({ length: 3 }, () => anyOf(["none", "none", "lost", "lost-reply"] as const)),
      );
      const [url, otherUrl] = round % 2 === 0 ? [here, there] : [there, here];
      const attempts = await Promise.all([refresh(url, refreshToken), refresh(otherUrl, refreshToken)]);
      target().shim.faults.length = 0;
      expect(attempts.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
      const good = attempts.filter(({ status }) => status === 200);
      expect(new Set(good.map(({ body }) => body.refresh_token)).size).toBeLessThanOrEqual(1);
      const answer = good[0] ?? (await persistently(() => refresh(url, refreshToken)));
      expect([round, answer.status]).toEqual([round, 200]);
      refreshToken = answer.body.refresh_token;
    }
  });

  test("a sign-in that is given up at any point leaves nothing in the next one's way (R-22)", async () => {
    const [here, there] = urls();
    const person = await register(there, "CLIENT");
    const { email, password } = person;
    const login = () => call(here, "POST /api/v1/auth/login", { body: { email, password } });
    for (const fault of ["lost", "lost-reply"] as const) {
      expect((await withFaults([fault], login)).status).toBe(503);
      const session = await signIn(there, person);
      expect((await refresh(there, session.refresh_token)).status).toBe(200);
    }
  });

  test("a registration whose session cannot be kept makes no account: the next try is no 409", async () => {
    const body = {
      email: `clara-${crypto.randomUUID()}@devmatch.example`,
      password: "Correct-horse-1",
      display_name: "Clara",
      user_type: "CLIENT",
    };
    const enrol = (url: string) => call(url, "POST /api/v1/auth/register", { body });
    expect((await withFaults(["lost"], () => enrol(urls()[0]))).status).toBe(503);
    expect((await enrol(urls()[1])).status).toBe(201);
  });

  test("a logout that is given up at any point can be tried again (J-14)", async () => {
    const [here, there] = urls();
    for (const fault of ["lost", "lost-reply"] as const) {
      const person = await register(there, "CLIENT");
      const logout = (url: string) => call(url, "POST /api/v1/auth/logout", { token: person.token });
      expect((await withFaults([fault], () => logout(here))).status).toBe(503);
      // Where the first one ran and only its reply was lost, the token has ended already.
      expect((await logout(there)).status).toBe(fault === "lost" ? 200 : 401);
      expect(await me(there, person.token)).toBe(401);
      expect((await refresh(there, person.refreshToken)).status).toBe(401);
    }
  });
}

function signIn(url: string, { email, password }: Person) {
  return call(url, "POST /api/v1/auth/login", { body: { email, password } }).then(({ body }) => body);
}

/** As an honest client does: as long as the gateway says that it cannot now, it comes again. */
async function persistently(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (answer.status !== 503) return answer;
    await wait(100);
  }
}

function anyOf<T>(choices: readonly [T, ...T[]]): T {
  return choices[Math.floor(Math.random() * choices.length)] ?? choices[0];
}
