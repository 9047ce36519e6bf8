import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { type HttpBehaviour, startHttpRecorder } from "../support/http-recorder.ts";
import { startGatewayProcess } from "./gateway-process.ts";

const JWT_SECRET = "q7Tz!mW2vR9xLp4KdY8sBn3Hf6JcGa1E";
const GOOD = { JWT_SECRET, GATEWAY_HOST: "127.0.0.1", GATEWAY_PORT: "0" };

/** What no request can cause, planted: two signals of which nobody catches the error. */
const planted = `data:text/javascript,
  process.on("SIGUSR2", () => { throw new TypeError("canary is not a function") });
  process.on("SIGHUP", () => { Promise.reject(new TypeError("canary is not a function")) });`.replace(/\n\s*/g, "");

function start(env: Record<string, string>) {
  return startGatewayProcess({ ...GOOD, ...env }, { nodeOptions: ["--import", planted] });
}

const dsnAt = (port: number) => `http://publickey@127.0.0.1:${port}/42`;
const fine: HttpBehaviour = (response) => response.end("{}");

describe("an error that nobody caught in a process on Node", () => {
  test.each([
    ["uncaughtException", "SIGUSR2"],
    ["unhandledRejection", "SIGHUP"],
  ] as const)("(%s) is reported before the process ends", async (event, signal) => {
    const ingest = await startHttpRecorder(fine);
    const gateway = start({ SENTRY_DSN: dsnAt(ingest.port), SENTRY_ENVIRONMENT: "test" });
    await gateway.untilLogged("listening");
    gateway.signal(signal);
    expect(await gateway.ended).toBe(1);
    expect(ingest.requests.map(({ method, url }) => [method, url])).toEqual([
      ["POST", "/api/42/envelope/?sentry_version=7&sentry_key=publickey"],
    ]);
    const { body } = ingest.requests[0]!;
    expect(JSON.parse(body.split("\n")[2]!)).toMatchObject({
      level: "fatal",
      environment: "test",
      tags: { runtime: "node" },
      exception: {
        values: [{ type: "TypeError", value: "… is not a function", mechanism: { type: event, handled: false } }],
      },
    });
    expect(body).not.toContain("canary");
    expect(body).not.toContain(JWT_SECRET);
  });

  const rows: readonly (readonly [kind: string, behave: HttpBehaviour])[] = [
    ["hangs", () => {}],
    ["hangs behind its head", (response) => response.writeHead(200, { "content-length": "9" }).flushHeaders()],
    ["breaks off", (response) => response.destroy()],
    ["answers 500", (response) => response.writeHead(500).end("no")],
  ];
  test.each(rows)("ends the process all the same when the ingest %s", async (_kind, behave) => {
    const ingest = await startHttpRecorder(behave);
    const gateway = start({ SENTRY_DSN: dsnAt(ingest.port) });
    await gateway.untilLogged("listening");
    gateway.signal("SIGUSR2");
    expect(await gateway.ended).toBe(1);
    expect(ingest.requests).toHaveLength(1);
    expect(gateway.log().filter(({ message }) => message === "uncaughtException")).toHaveLength(1);
    expect(gateway.log().filter(({ message }) => message === "unhandledRejection")).toEqual([]);
    expect(gateway.stderr()).toBe("");
  });

  test("ends the process all the same when there is no ingest", async () => {
    const gateway = start({ SENTRY_DSN: dsnAt(await portOfNobody()) });
    await gateway.untilLogged("listening");
    gateway.signal("SIGUSR2");
    expect(await gateway.ended).toBe(1);
    expect(gateway.log().map(({ message }) => message)).toContain("an error report was lost");
    expect(gateway.log().filter(({ message }) => message === "unhandledRejection")).toEqual([]);
  });
});

function portOfNobody(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
