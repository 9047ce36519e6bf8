import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { PEM_PAIRS } from "../support/pem-keys.ts";
import { startGatewayProcess } from "./gateway-process.ts";

/** A good configuration. The grace is longer than a test may take: a process that waits for it fails. */
const GOOD = {
  GATEWAY_HOST: "127.0.0.1",
  GATEWAY_PORT: "0",
  JWT_SECRET: randomBytes(32).toString("hex"),
  SHUTDOWN_GRACE: "600",
  SHUTDOWN_DELAY: "0",
};

async function startWell(changes: Readonly<Record<string, string>> = {}, options?: { nodeOptions: readonly string[] }) {
  const gateway = startGatewayProcess({ ...GOOD, ...changes }, options);
  const { url } = await gateway.untilLogged("listening");
  return { gateway, url: String(url) };
}

describe("a wrong configuration", () => {
  test("of the secret ends the start with code 1, its name and no value", async () => {
    const { JWT_SECRET: _, ...rest } = GOOD;
    const secrets = [undefined, "", "hunter2-hunter2", "your-secret-key-change-in-production"];
    await Promise.all(
      secrets.map(async (secret) => {
        const gateway = startGatewayProcess(secret === undefined ? rest : { ...rest, JWT_SECRET: secret });
        expect(await gateway.ended, secret).toBe(1);
        expect(gateway.stderr()).toMatch(/^The configuration is wrong:\n {2}JWT_SECRET must be [^\n]+\n$/);
        if (secret) expect(gateway.stderr()).not.toContain(secret);
        expect(gateway.log()).toEqual([]);
      }),
    );
  });

  test("R-28: of a private key, unfit or damaged, does so too", async () => {
    const { privateKey } = PEM_PAIRS.ed25519();
    const keys = [PEM_PAIRS.rsa().privateKey, privateKey.replace(/.{8}\n-----END/, "\n-----END")];
    await Promise.all(
      keys.map(async (key) => {
        const gateway = startGatewayProcess({ ...GOOD, JWT_PRIVATE_KEY: key });
        expect(await gateway.ended).toBe(1);
        expect(gateway.stderr()).toMatch(/^The configuration is wrong:\n {2}JWT_PRIVATE_KEY must be [^\n]+\n$/);
        expect(gateway.stderr()).not.toContain(key.split("\n")[1]);
      }),
    );
  });

  test("names everything that is wrong at once", async () => {
    const wrong = { ...GOOD, GATEWAY_PORT: "hunter2", JWT_SECRET: "hunter2", USER_SERVICE_URL: "ftp://hunter2" };
    const gateway = startGatewayProcess(wrong);
    expect(await gateway.ended).toBe(1);
    const [head, ...lines] = gateway.stderr().trimEnd().split("\n");
    expect(head).toBe("The configuration is wrong:");
    expect(lines.map((line) => line.trim().split(" ")[0]).toSorted()).toEqual([
      "GATEWAY_PORT",
      "JWT_SECRET",
      "USER_SERVICE_URL",
    ]);
    expect(gateway.stderr()).not.toContain("hunter2");
  });
});

test("a port that somebody else has ends the start with code 1 and one line", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  const gateway = startGatewayProcess({ ...GOOD, GATEWAY_PORT: String(port) });
  expect(await gateway.ended).toBe(1);
  expect(gateway.stderr()).toBe(
    `cannot listen on 127.0.0.1:${port} (GATEWAY_HOST, GATEWAY_PORT): the port is in use\n`,
  );
});

test("with everything else down the gateway starts all the same, lives and is ready", async () => {
  const { url } = await startWell({ USER_SERVICE_URL: "127.0.0.1:9", PRESENCE_SERVICE_URL: "127.0.0.1:9" });
  const answers = await Promise.all(["live", "ready"].map((probe) => fetch(`${url}/health/${probe}`)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
});

describe("a signal", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s ends an idle gateway with code 0, though clients keep connections",
    async (signal) => {
      const { gateway, url } = await startWell();
      expect((await fetch(`${url}/health`)).status).toBe(200);
      gateway.signal(signal);
      expect(await gateway.ended).toBe(0);
      expect(gateway.log().slice(-2)).toEqual([
        expect.objectContaining({ level: "info", message: "stopping", reason: signal }),
        expect.objectContaining({ level: "info", message: "stopped", finished: true }),
      ]);
      expect(gateway.stderr()).toBe("");
    },
  );

  test("closes the door, lets a running request finish, and does not wait for the connection that it came on", async () => {
    const { gateway, url } = await startWell();
    const request = await startRequest(url);
    gateway.signal("SIGTERM");
    await gateway.untilLogged("stopping");
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    const answer = await request.finish();
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toMatch(/^connection: close\r$/im);
    expect(await gateway.ended).toBe(0);
  });

  test("is told to balancers and clients first, while requests are still taken", async () => {
    const { gateway, url } = await startWell({ SHUTDOWN_DELAY: "60" });
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    gateway.signal("SIGTERM");
    await gateway.untilLogged("stopping");
    const ready = await fetch(`${url}/health/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({ status: "not ready", reason: "stopping" });
    const other = await fetch(`${url}/health`);
    expect([other.status, other.headers.get("connection")]).toEqual([200, "close"]);
  });

  test("does not wait for a connection that nobody has asked anything on, such as a browser's spare one", async () => {
    const { gateway, url } = await startWell({ SHUTDOWN_GRACE: "60" });
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    onTestFinished(() => void socket.destroy());
    const closed = once(socket, "close");
    await once(socket, "connect");
    // The gateway knows of the connection when it has answered on a later one.
    expect((await fetch(`${url}/health`)).status).toBe(200);
    gateway.signal("SIGTERM");
    await closed;
    expect(await gateway.ended).toBe(0);
  });

  test("cuts a request that outlasts the grace, and says so with code 1", async () => {
    const { gateway, url } = await startWell({ SHUTDOWN_GRACE: "0.2" });
    await startRequest(url);
    gateway.signal("SIGTERM");
    expect(await gateway.ended).toBe(1);
    expect(gateway.log().at(-1)).toMatchObject({ message: "stopped", finished: false });
  });

  test("for the second time ends the process at once, with code 1", async () => {
    const { gateway, url } = await startWell();
    await startRequest(url);
    gateway.signal("SIGTERM");
    await gateway.untilLogged("stopping");
    // A signal right behind the first is the same wish: npm hands its own on. So it is repeated until it counts.
    const repeated = setInterval(() => gateway.signal("SIGTERM"), 50);
    onTestFinished(() => clearInterval(repeated));
    expect(await gateway.ended).toBe(1);
    expect(gateway.log().some(({ message }) => message === "stopped")).toBe(false);
  });
});

describe("an error that nobody caught", () => {
  // What no request can cause, planted: a signal that throws, and one that leaves a promise alone.
  const planted = `data:text/javascript,
    process.on("SIGUSR2", () => { throw new TypeError("planted") });
    process.on("SIGHUP", () => { Promise.reject(new TypeError("planted")) });`.replace(/\n\s*/g, "");

  test.each([
    ["uncaughtException", "SIGUSR2"],
    ["unhandledRejection", "SIGHUP"],
  ] as const)("(%s) is logged, what runs may finish, and the process ends with code 1", async (event, signal) => {
    const { gateway, url } = await startWell({}, { nodeOptions: ["--import", planted] });
    const request = await startRequest(url);
    gateway.signal(signal);
    await gateway.untilLogged("stopping");
    expect(await request.finish()).toMatch(/^HTTP\/1\.1 400 /);
    expect(await gateway.ended).toBe(1);
    expect(gateway.log().find(({ message }) => message === event)).toMatchObject({
      level: "error",
      error: { name: "TypeError", message: "planted", stack: expect.any(Array) },
    });
  });
});

/** A request that the gateway is reading: its head has been sent and half of its body, and the gateway knows of it. */
async function startRequest(url: string): Promise<{ finish(): Promise<string> }> {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write("POST /api/v1/auth/login HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: application/json\r\n");
  socket.write("Content-Length: 10\r\n\r\n[1,2");
  await untilActive(url);
  return {
    async finish() {
      let answer = "";
      socket.on("data", (chunk) => {
        answer += chunk;
      });
      socket.write(",3,4,]");
      while (!answer.includes("\r\n\r\n")) await once(socket, "data");
      return answer;
    },
  };
}

/** Until the gateway counts two requests as being answered: the scrape itself, and the one that is waited for. */
async function untilActive(url: string): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${url}/metrics`)).text();
    if (/^gateway_active_connections 2$/m.test(text)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a gateway whose log nobody reads any more goes on answering, and ends when it is asked to", async () => {
  const gateway = startGatewayProcess(GOOD);
  const { url } = await gateway.untilLogged("listening");
  gateway.stopReading();
  for (let request = 0; request < 5; request++) expect((await fetch(`${url}/nowhere`)).status).toBe(404);
  gateway.signal("SIGTERM");
  expect(await gateway.ended).toBe(0);
});
