import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { Code, createClient } from "@connectrpc/connect";
import { expect, onTestFinished, test, vi } from "vitest";
import { OrchestratorService } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { createSharedPort, type SharedPortOptions } from "#src/node/net/shared-port.ts";
import { openClients } from "./support/clients.ts";
import { expectRefusal } from "./support/refusals.ts";
import { addOnlineDeveloper, addTask } from "./support/samples.ts";
import { startTestPlatform } from "./support/start-test-platform.ts";
import { protocols } from "./support/transports.ts";

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** A server that answers with the protocol it was asked in. */
async function startServer(options?: SharedPortOptions): Promise<number> {
  const { server, drain } = createSharedPort((request, response) => {
    request.resume();
    response.end(request.httpVersion);
  }, options);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await Promise.all([drain(), once(server, "close")]);
  });
  return (server.address() as AddressInfo).port;
}

/** Everything that a peer gets until the connection ends. */
async function read(socket: Socket): Promise<string> {
  socket.on("error", () => {});
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  // Not `once`, which would throw where a peer that misbehaves is reset.
  await new Promise((resolve) => socket.on("close", resolve));
  return text;
}

/** Writes pieces, each in a packet of its own. */
async function writePieces(socket: Socket, pieces: readonly string[]): Promise<void> {
  socket.setNoDelay(true);
  for (const piece of pieces) {
    await new Promise<void>((resolve) => socket.write(piece, "latin1", () => setImmediate(resolve)));
  }
}

test("one port answers HTTP/1.1 and HTTP/2", async () => {
  const port = await startServer();
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("1.1");
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  const stream = session.request({ ":path": "/" });
  stream.setEncoding("utf8");
  const [answer] = await once(stream, "data");
  expect(answer).toBe("2.0");
  session.close();
  await once(session, "close");
});

test("first bytes may come one by one", async () => {
  const port = await startServer();
  const http1 = connect(port, "127.0.0.1");
  const answer = read(http1);
  await writePieces(http1, [..."POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"]);
  expect(await answer).toMatch(/^HTTP\/1\.1 200 OK\r\n(.*\r\n)*1\.1$/);

  const http2 = connect(port, "127.0.0.1");
  http2.on("error", () => {});
  // The preface and an empty SETTINGS frame; the server begins with its own SETTINGS, which are frames of type 4.
  await writePieces(http2, [...preface, ..."\0\0\0\u0004\0\0\0\0\0"]);
  const [frame] = (await once(http2, "data")) as [Buffer];
  expect(frame[3]).toBe(4);
  http2.destroy();
});

test("a client may end its side with the request, and still has the answer", async () => {
  const port = await startServer();
  const socket = connect(port, "127.0.0.1");
  const answer = read(socket);
  socket.end("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  expect(await answer).toMatch(/^HTTP\/1\.1 200 OK/);
});

test.each([
  ["nothing", []],
  ["a part of the preface", ["PRI * HT"]],
])("a peer that sends %s is dropped after the time limit", async (_what, pieces) => {
  const port = await startServer({ firstBytesTimeoutMs: 50 });
  const socket = connect(port, "127.0.0.1");
  const answer = read(socket);
  await writePieces(socket, pieces);
  expect(await answer).toBe("");
});

test("a peer that ends before it has said what it speaks is dropped at once", async () => {
  const port = await startServer({ firstBytesTimeoutMs: 600_000 });
  const socket = connect(port, "127.0.0.1");
  const answer = read(socket);
  socket.end("PRI");
  expect(await answer).toBe("");
});

test.each([
  ["no HTTP", ["\u0016\u0003\u0001\u0002\0\u0001"]],
  ["no HTTP/2 after its preface", [preface, "x".repeat(100)]],
  ["a request line of megabytes", [`GET /${"x".repeat(1024 * 1024)}`]],
])("a peer that sends %s does not harm the service", async (_what, pieces) => {
  const platform = await startTestPlatform();
  const { users } = platform.services;
  const socket = connect(users.port, users.host);
  const answer = read(socket);
  await writePieces(socket, pieces);
  await answer;
  const clients = openClients(platform);
  await expectRefusal(clients.users.getUser({ userId: "usr_x" }), Code.NotFound, /usr_x/);
});

test.each([
  ["no Host, which HTTP/1.0 allows", "POST /platform.users.v1.UserService/GetUser HTTP/1.0\r\n\r\n"],
  [
    "an impossible Host",
    "POST /platform.users.v1.UserService/GetUser HTTP/1.1\r\nHost: a b:c\r\nConnection: close\r\n\r\n",
  ],
])("a request with %s is refused, and the service goes on", async (_what, request) => {
  const platform = await startTestPlatform();
  const { users } = platform.services;
  const socket = connect(users.port, users.host);
  const answer = read(socket);
  socket.write(request);
  expect(await answer).toMatch(/^HTTP\/1\.1 400 /);
  await expectRefusal(openClients(platform).users.getUser({ userId: "usr_x" }), Code.NotFound, /usr_x/);
});

test.each(protocols)("a client that goes in the middle of a stream ends it: $name", async (protocol) => {
  const complaints = vi.spyOn(console, "error");
  const platform = await startTestPlatform();
  const clients = openClients(platform);
  await addOnlineDeveloper(clients, "usr_a");
  await clients.orchestrator.startMatching({ taskId: await addTask(clients) });
  const { transport, close } = protocol.open(platform.services.orchestrator.url);
  const events = createClient(OrchestratorService, transport).watchProposals({})[Symbol.asyncIterator]();
  await events.next();
  const next = events.next().catch(() => "gone");
  close();
  expect(await next).toBe("gone");
  const rpc = "platform.orchestrator.v1.OrchestratorService/WatchProposals";
  await vi.waitFor(() => expect(platform.log).toContainEqual(expect.objectContaining({ rpc, code: "CANCELLED" })));
  expect(complaints).not.toHaveBeenCalled();
});

test("a message over 4 MiB is refused", async () => {
  const platform = await startTestPlatform();
  for (const protocol of protocols) {
    const { transport, close } = protocol.open(platform.services.users.url);
    const call = createClient(UserService, transport).getUser({ userId: "x".repeat(4 * 1024 * 1024) });
    await expectRefusal(call, Code.ResourceExhausted, /./);
    close();
  }
});
