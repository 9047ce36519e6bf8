import { randomBytes } from "node:crypto";
import http from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { startPlatform } from "#platform/platform.ts";
import { ANY_PLATFORM_PORTS, serviceAddresses } from "../support/gateway-under-test.ts";
import { startHaproxy } from "../support/haproxy.ts";
import { installed } from "../support/installed.ts";
import { startGatewayProcess } from "./gateway-process.ts";

const haproxy = installed("haproxy");
const RESTARTS = 5;
const CLIENTS = 8;
const REQUESTS_PER_CONNECTION = 20;

describe.runIf(haproxy !== undefined)("behind a balancer, under load", () => {
  test(`R-20: ${RESTARTS} restarts by SIGTERM lose no request`, { timeout: 60_000 }, async () => {
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
      return { gateway, port: new URL(String(url)).port };
    };
    const running = await Promise.all([start("0"), start("0")]);
    const balancer = await startHaproxy(
      haproxy!,
      running.map(({ port }) => `127.0.0.1:${port}`),
    );
    onTestFinished(() => balancer.stop());

    const load = startLoad(balancer.socketPath);
    onTestFinished(async () => void (await load.stop()));
    await load.untilAnswered(50);
    for (let restart = 0; restart < RESTARTS; restart++) {
      const { gateway, port } = running[restart % 2]!;
      gateway.signal("SIGTERM");
      expect(await gateway.ended).toBe(0);
      running[restart % 2] = await start(port);
      // Until the balancer has seen it: the next one must not go while this one is not back.
      await running[restart % 2]!.gateway.untilLogged("request");
    }
    const { answered, failed } = await load.stop();
    expect(failed).toEqual([]);
    expect(answered).toBeGreaterThan(RESTARTS * 50);
  });
});

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
