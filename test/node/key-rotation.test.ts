import { expect, test } from "vitest";
import { startPlatform } from "#platform/platform.ts";
import { type RunningGateway, startGateway } from "#src/node/start-gateway.ts";
import { call, serviceAddresses } from "../support/gateway-under-test.ts";
import { PEM_PAIRS } from "../support/pem-keys.ts";
import { accountBody } from "../support/samples.ts";
import { UNLIMITED } from "../support/unlimited.ts";

const OLD = "kX7-fake-but-random-looking-bytes-0f9a2c";
const NEW = "Zt5!uB8yQe2#hN6wKc9@rP3mXa7&vL1D";
const OLD_KEY = PEM_PAIRS.ed25519().privateKey;
const NEW_KEY = PEM_PAIRS.ec("P-256").privateKey;
const CALLERS = 8;
const CALLS = 10;

type Variables = Readonly<Record<string, string>>;

/** What docs/keys.md's three steps make of an instance's variables, and the state before them. */
const ROTATIONS: readonly (readonly [what: string, steps: readonly Variables[]])[] = [
  [
    "the secret",
    [
      { JWT_SECRET: OLD },
      { JWT_SECRET: OLD, JWT_SECRET_PREVIOUS: NEW },
      { JWT_SECRET: NEW, JWT_SECRET_PREVIOUS: OLD },
      { JWT_SECRET: NEW },
    ],
  ],
  [
    "the private key",
    [
      { JWT_SECRET: OLD, JWT_PRIVATE_KEY: OLD_KEY },
      { JWT_SECRET: OLD, JWT_PRIVATE_KEY: OLD_KEY, JWT_PRIVATE_KEY_PREVIOUS: NEW_KEY },
      { JWT_SECRET: OLD, JWT_PRIVATE_KEY: NEW_KEY, JWT_PRIVATE_KEY_PREVIOUS: OLD_KEY },
      { JWT_SECRET: OLD, JWT_PRIVATE_KEY: NEW_KEY },
    ],
  ],
];

test.each(ROTATIONS)(
  "J-25, R-25: two instances rotate %s step by step under constant requests, without one 401",
  async (_what, steps) => {
    const quiet = { scryptCost: 1024, log: () => {} };
    const platform = await startPlatform({
      ports: { users: 0, tasks: 0, recommendation: 0, orchestrator: 0, presence: 0 },
      ...quiet,
    });
    const start = (variables: Variables) =>
      startGateway({
        env: {
          GATEWAY_HOST: "127.0.0.1",
          GATEWAY_PORT: "0",
          SHUTDOWN_DELAY: "0",
          SHUTDOWN_GRACE: "5",
          ...UNLIMITED,
          ...serviceAddresses(platform),
          ...variables,
        },
        shouldShed: () => false,
        writeLog: () => {},
      });
    const instances: RunningGateway[] = [await start(steps[0]!), await start(steps[0]!)];
    const account = accountBody();
    const body = { email: account.email, password: account.password };
    await call(instances[0]!.url, "POST /api/v1/auth/register", { body: account });

    let turn = 0;
    // As a balancer does: the next request goes to the next instance, wherever its token is from.
    const ask = (request: string, options = {}) => call(instances[turn++ % instances.length]!.url, request, options);
    const signIn = async () => (await ask("POST /api/v1/auth/login", { body })).body.access_token as string;
    const tokens = await Promise.all(Array.from({ length: CALLERS }, signIn));
    const [ofTheOldKey] = tokens;
    /** Every caller asks with the token that it has, and then with a new one, which it keeps for the next state. */
    const askAround = () =>
      Promise.all(
        tokens.map(async (_token, caller) => {
          const statuses: number[] = [];
          for (const renew of [false, true]) {
            if (renew) tokens[caller] = await signIn();
            for (let calls = 0; calls < CALLS; calls++) {
              statuses.push((await ask("GET /api/v1/auth/me", { token: tokens[caller] })).status);
            }
          }
          return statuses;
        }),
      );

    const seen = new Set<number>();
    const retired: RunningGateway[] = [];
    for (const variables of steps.slice(1)) {
      for (const index of instances.keys()) {
        const asking = askAround();
        const next = await start(variables);
        retired.push(instances[index]!);
        instances[index] = next;
        for (const statuses of [await asking, await askAround()])
          for (const status of statuses.flat()) seen.add(status);
      }
    }
    expect(seen).toEqual(new Set([200]));
    for (const { url } of instances) {
      expect((await call(url, "GET /api/v1/auth/me", { token: ofTheOldKey })).status).toBe(401);
    }
    await Promise.all([...instances, ...retired].map((instance) => instance.stop()));
    await platform.stop();
  },
);
