import { once } from "node:events";
import http2, { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { createNodeTransports } from "#src/node/transports.ts";
import { answerWell, GOOD_USER_ID, hang, startMisbehavingGrpcServer } from "../support/misbehaving-grpc-server.ts";
import { startRawServer } from "../support/raw-server.ts";
import { selfSigned } from "../support/self-signed.ts";
import { callContext, eventually, gatewayErrorOf, openUpstream, outline, PLENTY_MS } from "../support/upstream.ts";

const getUser = { userId: "usr_a" };

/** A gRPC server behind TLS that notes what the handshake said. */
async function startTlsServer(): Promise<{ port: number; cert: string; handshakes: unknown[] }> {
  const { key, cert } = selfSigned();
  const handshakes: unknown[] = [];
  const server = createSecureServer({ key, cert });
  const sockets: tls.TLSSocket[] = [];
  server.on("secureConnection", (socket) => {
    sockets.push(socket);
    handshakes.push([socket.alpnProtocol, socket.servername]);
  });
  server.on("stream", (stream) => {
    stream.resume();
    answerWell(stream, undefined as never);
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, "close");
  });
  return { port: (server.address() as AddressInfo).port, cert, handshakes };
}

function trust(cert: string): void {
  const before = tls.getCACertificates("default");
  tls.setDefaultCACertificates([...before, cert]);
  onTestFinished(() => tls.setDefaultCACertificates(before));
}

test.each<[host: string, servername: string | false, why: string]>([
  ["127.0.0.1", false, "an address is no server name"],
  ["localhost", "localhost", "a name is sent, for servers that have several"],
])("gRPC over TLS to %s is HTTP/2, with server name %s: %s", async (host, servername) => {
  const { port, cert, handshakes } = await startTlsServer();
  trust(cert);
  const { platform } = openUpstream(`https://${host}:${port}`);
  const { user } = await platform.users.getUser(getUser, callContext());
  expect(user?.userId).toBe(GOOD_USER_ID);
  expect(handshakes).toEqual([["h2", servername]]);
});

test.each(["grpc", "connect", "grpc-web"] as const)(
  "over %s, a certificate that nobody vouches for is refused",
  async (protocol) => {
    const { port } = await startTlsServer();
    const { platform } = openUpstream(`https://127.0.0.1:${port}`, { protocol });
    const error = await gatewayErrorOf(platform.users.getUser(getUser, callContext()));
    expect(outline(error)).toEqual(["UPSTREAM_ERROR", 502]);
    expect(error.message).toBe("The user service failed to answer.");
  },
);

test("every service has a connection of its own, which the others' failures do not touch", async () => {
  const good = await startMisbehavingGrpcServer();
  const bad = await startRawServer((socket) => socket.destroy());
  const badUrl = `http://127.0.0.1:${bad.port}`;
  const { platform } = openUpstream({ users: good.url, tasks: badUrl, recommendation: badUrl, orchestrator: badUrl });
  await gatewayErrorOf(platform.tasks.getTask({ taskId: "tsk_a" }, callContext()));
  const failing = Array.from({ length: 20 }, () =>
    gatewayErrorOf(platform.tasks.getTask({ taskId: "tsk_a" }, callContext())),
  );
  for (let n = 0; n < 20; n++) await platform.users.getUser(getUser, callContext());
  await Promise.all(failing);
  expect(good.connectionCount()).toBe(1);
});

test("no connection is made before the first call: a gateway starts without its services", async () => {
  const server = await startMisbehavingGrpcServer();
  const { platform } = openUpstream(server.url);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(server.connectionCount()).toBe(0);
  await platform.users.getUser(getUser, callContext());
  expect(server.connectionCount()).toBe(1);
});

test.each(["grpc", "connect", "grpc-web"] as const)(
  "over %s, close ends calls under way, and may be called before any and twice",
  async (protocol) => {
    const arrived: unknown[] = [];
    const raw = await startRawServer((socket) => void socket.once("data", (chunk) => arrived.push(chunk)));
    const address = { url: `http://127.0.0.1:${raw.port}`, protocol };
    const services = { users: address, tasks: address, recommendation: address, orchestrator: address };
    createNodeTransports(services).close();
    const { transports, close } = createNodeTransports(services);
    const call = transports.users.unary(UserService.method.getUser, undefined, PLENTY_MS, undefined, getUser).then(
      () => "answered",
      () => "failed",
    );
    await eventually(() => arrived.length > 0, "the call is on the wire");
    close();
    close();
    expect(await call).toBe("failed");
  },
);

test("a session that fails long after its last call harms nobody", async () => {
  const server = await startMisbehavingGrpcServer();
  const { platform } = openUpstream(server.url);
  for (let n = 0; n < 10; n++) {
    await platform.users.getUser(getUser, callContext());
    // Both at once, and a call in between: the orders in which the library stops listening.
    server.goAway(http2.constants.NGHTTP2_NO_ERROR);
    server.resetConnections();
    await platform.users.getUser(getUser, callContext()).catch(() => {});
  }
  server.misbehaveOnce(hang);
  const error = await gatewayErrorOf(platform.users.getUser(getUser, callContext({ deadlineAtMs: Date.now() + 300 })));
  expect(["DEADLINE_EXCEEDED", "UPSTREAM_ERROR", "SERVICE_UNAVAILABLE"]).toContain(error.errorCode);
});
