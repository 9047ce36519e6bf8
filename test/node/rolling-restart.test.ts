import { randomBytes } from "node:crypto";
import http from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { startPlatform } from "#platform/platform.ts";
import { listenToEvents } from "../support/event-listener.ts";
import { ANY_PLATFORM_PORTS, call, register, serviceAddresses } from "../support/gateway-under-test.ts";
import { startHaproxy } from "../support/haproxy.ts";
import { installed } from "../support/installed.ts";
import { newDeveloper, newSkill, newTask } from "../support/samples.ts";
import { eventually } from "../support/upstream.ts";
import { startGatewayProcess } from "./gateway-process.ts";

const haproxy = installed("haproxy");
const RESTARTS = 5;
const CLIENTS = 8;
const REQUESTS_PER_CONNECTION = 20;

describe.runIf(haproxy !== undefined)("behind a balancer, under load", () => {
  test(`R-20: ${RESTARTS} restarts by SIGTERM lose no request`, { timeout: 60_000 }, async () => {
    const { balancer, restartOne } = await setUp();
    const load = startLoad(balancer.socketPath);
    onTestFinished(async () => void (await load.stop()));
    await load.untilAnswered(50);
    for (let restart = 0; restart < RESTARTS; restart++) await restartOne(restart);
    const { answered, failed } = await load.stop();
    expect(failed).toEqual([]);
    expect(answered).toBeGreaterThan(RESTARTS * 50);
  });

  test(`R-33: ${RESTARTS} restarts break no stream of events, and no event is lost or told twice`, {
    timeout: 60_000,
  }, async () => {
    const { balancer, restartOne, urlBeside } = await setUp();
    const load = startLoad(balancer.socketPath);
    onTestFinished(async () => void (await load.stop()));
    const skill = newSkill();
    const developers = await Promise.all(
      Array.from({ length: DEVELOPERS }, () =>
        newDeveloper(urlBeside(0), { skill_tags: [skill], presence: "SEARCHING" }),
      ),
    );
    const client = await register(urlBeside(0), "CLIENT");
    const listeners = developers.flatMap(({ token }) =>
      Array.from({ length: 2 }, () => listenToEvents(balancer.socketPath, EVENTS, token)),
    );
    onTestFinished(async () => void (await Promise.all(listeners.map((listener) => listener.stop()))));
    const propose = async (url: string) => {
      const taskId = await newTask(url, client, { skill_tags: [skill] });
      const { status, body } = await call(url, `POST /api/v1/matching/tasks/${taskId}/start`, { token: client.token });
      expect([status, body.proposals.length]).toEqual([201, DEVELOPERS]);
    };

    await propose(urlBeside(0));
    for (let restart = 0; restart < RESTARTS; restart++) {
      // Once before the streams end, and once while their listeners are on their way to the other gateway.
      const proposed = propose(urlBeside(restart));
      await restartOne(restart);
      await proposed;
      await propose(urlBeside(restart + 1));
    }
    const events = 1 + 2 * RESTARTS;
    await eventually(() => listeners.every(({ heard }) => heard.length >= events), "everybody has heard all");
    for (const { heard, broken, problems, refusals } of listeners) {
      expect([broken, refusals]).toEqual([[], []]);
      expect(
        [...new Set(heard)].toSorted((a, b) => Number(a) - Number(b)),
        "once each, in order",
      ).toEqual(heard);
      expect(heard).toHaveLength(events);
      expect(new Set(problems)).toEqual(new Set(["SERVICE_UNAVAILABLE"]));
    }
    expect((await load.stop()).failed).toEqual([]);
  });
});

const DEVELOPERS = 4;
const EVENTS = "/api/v1/matching/proposals/events";

/** Two gateways behind HAProxy. */
async function setUp() {
  const platform = await startPlatform({ ports: ANY_PLATFORM_PORTS, log: () => {}, scryptCost: 1024 });
  onTestFinished(() => platform.stop());
  const env = {
    GATEWAY_HOST: "127.0.0.1",
    JWT_SECRET: randomBytes(32).toString("hex"),
    RATE_LIMIT_ANONYMOUS: "1000000",
    ...serviceAddresses(platform),
  };
  const start = async (port: string) => {
    const gateway = startGatewayProcess({ ...env, GATEWAY_PORT: port });
    const { url } = await gateway.untilLogged("listening");
    return { gateway, url: String(url), port: new URL(String(url)).port };
  };
  const running = await Promise.all([start("0"), start("0")]);
  const balancer = await startHaproxy(
    haproxy!,
    running.map(({ port }) => `127.0.0.1:${port}`),
  );
  onTestFinished(() => balancer.stop());
  return {
    balancer,
    /** Of the gateway that is not restarted. */
    urlBeside: (restart: number) => running[(restart + 1) % 2]!.url,
    async restartOne(restart: number) {
      const { gateway, port } = running[restart % 2]!;
      gateway.signal("SIGTERM");
      // Not 1: nothing had to be cut.
      expect(await gateway.ended).toBe(0);
      running[restart % 2] = await start(port);
      // Until the balancer has seen it: the next one must not go while this one is not back.
      await running[restart % 2]!.gateway.untilLogged("request");
    },
  };
}

interface Load {
  untilAnswered(more: number): Promise<void>;
  stop(): Promise<{ readonly answered: number; readonly failed: readonly string[] }>;
}

/**
 * Clients that ask again as soon as they are answered, and never a second time after a failure. Each keeps its
 * connection for some requests; for as long as it does, the balancer sends it to the same gateway.
 */
function startLoad(socketPath: string): Load {
  let stopped = false;
  let answered = 0;
  const failed: string[] = [];
  const ask = (agent: http.Agent) =>
    new Promise<void>((resolve) => {
      const fail = (why: string) => {
        failed.push(why);
        resolve();
      };
      const request = http.get({ socketPath, agent, path: "/api/v1/tasks" }, (response) => {
        response.resume();
        response.once("error", (error) => fail(String(error)));
        response.once("end", () => {
          answered += 1;
          // Nobody is signed in, which the gateway finds out by itself.
          if (response.statusCode === 401) resolve();
          else fail(`status ${response.statusCode}`);
        });
      });
      request.once("error", (error) => fail(String(error)));
    });
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!stopped) {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      for (let request = 0; request < REQUESTS_PER_CONNECTION && !stopped; request++) await ask(agent);
      agent.destroy();
    }
  });
  return {
    async untilAnswered(more) {
      const enough = answered + more;
      while (answered < enough) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    async stop() {
      stopped = true;
      await Promise.all(clients);
      return { answered, failed };
    },
  };
}
