import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { type RunningService, StartError, serviceNames, startPlatform } from "#platform/platform.ts";
import { openClients } from "./support/clients.ts";
import { expectRefusal } from "./support/refusals.ts";
import { startTestPlatform, testOptions } from "./support/start-test-platform.ts";

/** Takes the port for a moment, which fails while anybody else has it. */
async function takePort({ host, port }: Pick<RunningService, "host" | "port">): Promise<void> {
  const server = createServer().listen(port, host);
  await once(server, "listening");
  server.close();
  await once(server, "close");
}

test("every service has a URL on 127.0.0.1 and a port of its own", async () => {
  const { services } = await startTestPlatform();
  const ports = serviceNames.map((name) => services[name].port);
  expect(new Set(ports).size).toBe(5);
  for (const name of serviceNames) {
    const { url, host, port } = services[name];
    expect({ url, host }).toEqual({ url: `http://127.0.0.1:${port}`, host: "127.0.0.1" });
  }
});

test("stopping one service frees its port and leaves the others", async () => {
  const platform = await startTestPlatform();
  const clients = openClients(platform);
  await expectRefusal(clients.users.getUser({ userId: "usr_x" }), Code.NotFound, /usr_x/);
  await platform.services.users.stop();
  await takePort(platform.services.users);
  // A new client: the old one may not have noticed yet that its connection is gone.
  await expectRefusal(openClients(platform).users.getUser({ userId: "usr_x" }), Code.Unavailable, /./);
  await expectRefusal(clients.tasks.getTask({ taskId: "tsk_x" }), Code.NotFound, /tsk_x/);
});

test("stopping the platform frees every port, drops silent peers, and may be asked for twice", async () => {
  const platform = await startTestPlatform();
  const { users, presence } = platform.services;
  const peers = [connect(users.port, users.host), connect(presence.port, presence.host)];
  const dropped = peers.map((peer) => once(peer, "close"));
  await Promise.all(peers.map((peer) => once(peer, "connect")));
  await Promise.all([platform.stop(), platform.stop()]);
  await platform.stop();
  await Promise.all(dropped);
  for (const name of serviceNames) await takePort(platform.services[name]);
});

test("only the services that are asked for start", async () => {
  const platform = await startPlatform({ ...testOptions(), only: ["tasks", "presence"] });
  onTestFinished(() => platform.stop());
  expect(Object.keys(platform.services)).toEqual(["tasks", "presence"]);
});

test("a port in use is named in one line, and nothing stays behind", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const users = (free.address() as AddressInfo).port;
  free.close();
  await once(free, "close");

  const options = testOptions();
  const start = startPlatform({ ...options, ports: { ...options.ports, users, presence: port } });
  const error = await start.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StartError);
  expect((error as StartError).message).toBe(
    `presence-service cannot listen on 127.0.0.1:${port}: the port is in use (PLATFORM_PRESENCE_PORT moves it)`,
  );
  await takePort({ host: "127.0.0.1", port: users });
  taken.close();
  await once(taken, "close");
});

test("an address of another machine is refused in one line", async () => {
  const start = startPlatform({ ...testOptions(), host: "192.0.2.1" });
  await expect(start).rejects.toThrow(/^user-service cannot listen on 192\.0\.2\.1:0: .*EADDRNOTAVAIL/);
});

test.each([
  ["0.0.0.0", /^http:\/\/127\.0\.0\.1:\d+$/],
  ["::1", /^http:\/\/\[::1\]:\d+$/],
])("the URL of %s can be connected to", async (host, expected) => {
  const platform = await startPlatform({ ...testOptions(), host, only: ["presence"] }).catch((error: Error) => error);
  // A machine without IPv6 has nothing to show here.
  if (platform instanceof Error) return expect(platform.message).toMatch(/EADDRNOTAVAIL|EAFNOSUPPORT/);
  onTestFinished(() => platform.stop());
  const { url } = platform.services.presence!;
  expect(url).toMatch(expected);
  expect(await (await fetch(`${url}/healthz`)).text()).toBe("ok");
});
