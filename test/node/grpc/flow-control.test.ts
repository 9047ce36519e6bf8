import { once } from "node:events";
import { createServer, type Settings } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Http2SessionManager } from "@connectrpc/connect-node";
import { expect, onTestFinished, test } from "vitest";
import { createGrpcUnary } from "#src/node/grpc/grpc-unary.ts";
import { envelope } from "../../support/misbehaving-grpc-server.ts";
import { call, getUser, type UnaryUnderTest } from "../../support/unary-transports.ts";

const MIB = 1_048_576;

/** A service that gives back the name that it is asked for, when it has read all of it. */
async function startEcho(settings: Settings): Promise<string> {
  const server = createServer({ settings });
  server.on("session", (session) => onTestFinished(() => session.destroy()));
  server.on("stream", async (stream) => {
    const { userId } = fromBinary(getUser.input, Buffer.concat(await stream.toArray()).subarray(5));
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(envelope(toBinary(getUser.output, create(getUser.output, { user: { userId } }))));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function open(baseUrl: string, settings: Settings): UnaryUnderTest {
  const sessions = new Http2SessionManager(baseUrl, {}, { settings, maxSessionMemory: 2_000 });
  onTestFinished(() => sessions.abort());
  return { unary: createGrpcUnary({ baseUrl, readMaxBytes: 16 * MIB, sessions }), sessions };
}

/** No two alike, so that no piece can stand for another. */
const textOf = (length: number, seed: number): string =>
  Array.from({ length: Math.ceil(length / 10) }, (_, n) => (n * 7919 + seed).toString(36).padStart(10, "_"))
    .join("")
    .slice(0, length);

test.each<[windows: string, settings: Settings]>([
  ["HTTP/2's own windows", {}],
  ["windows of a thousand bytes", { initialWindowSize: 1_000 }],
  ["windows of a megabyte, and larger frames", { initialWindowSize: MIB, maxFrameSize: 100_000 }],
])("%s: messages of all sizes go there and back, many at once", { timeout: 60_000 }, async (_windows, settings) => {
  const under = open(await startEcho(settings), settings);
  const sizes = [
    0,
    1,
    994,
    995,
    996,
    16_379,
    16_384,
    65_530,
    65_535,
    65_536,
    300_000,
    3 * MIB,
    MIB,
    10,
    4 * MIB,
    70_000,
  ];
  const names = sizes.map((size, n) => textOf(size, n));
  const answers = await Promise.all(names.map((userId) => call(under, { input: { userId }, timeoutMs: 50_000 })));
  for (const [n, { message }] of answers.entries()) {
    expect(message.user?.userId === names[n], `${sizes[n]} bytes are the same bytes`).toBe(true);
  }
});

test("a hundred calls wait for the room of one", async () => {
  const under = open(await startEcho({ maxConcurrentStreams: 1, initialWindowSize: 500 }), { initialWindowSize: 500 });
  await call(under);
  const names = Array.from({ length: 100 }, (_, n) => textOf(2_000, n));
  const answers = await Promise.all(names.map((userId) => call(under, { input: { userId } })));
  expect(answers.map(({ message }) => message.user?.userId)).toEqual(names);
});
