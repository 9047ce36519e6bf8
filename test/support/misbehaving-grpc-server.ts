import { once } from "node:events";
import { createServer, type Http2Session, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { onTestFinished } from "vitest";
import { GetUserResponseSchema } from "#gen/platform/users/v1/users_pb.ts";

/** What a server does with one call. */
export type Behaviour = (stream: ServerHttp2Stream, connection: { session: Http2Session; socket: Socket }) => void;

/** One call as the server saw it. */
export interface ReceivedCall {
  readonly headers: IncomingHttpHeaders;
  readonly receivedAtMs: number;
  /** The HTTP/2 error code that the caller reset the stream with; undefined while it has not. */
  resetWith: number | undefined;
}

export interface MisbehavingGrpcServer {
  readonly url: string;
  readonly port: number;
  readonly calls: readonly ReceivedCall[];
  /** Where the calls' answers go, in the same order. */
  readonly streams: readonly ServerHttp2Stream[];
  /** How many connections were opened so far. */
  connectionCount(): number;
  /** The next call meets this; the ones after it are answered well. */
  misbehaveOnce(behaviour: Behaviour): void;
  /** From now on every call meets this. */
  misbehave(behaviour: Behaviour): void;
  /**
   * What a rolling restart looks like from outside: every connection is told to go (GOAWAY), calls under way are
   * answered, and new connections find the next instance.
   */
  restart(): void;
  /** Sends GOAWAY on every connection, whatever it is doing. */
  goAway(code: number): void;
  /** Ends every connection with a TCP RST. */
  resetConnections(): void;
  /** From now on the service takes no more than so many calls at once on a connection. */
  limitStreams(count: number): Promise<void>;
  /** Drops every connection and frees the port. */
  stop(): Promise<void>;
}

const GRPC_HEADERS = { ":status": 200, "content-type": "application/grpc+proto" };

/** The user that a good answer is about. */
export const GOOD_USER_ID = "usr_good";
const GOOD_MESSAGE = toBinary(GetUserResponseSchema, create(GetUserResponseSchema, { user: { userId: GOOD_USER_ID } }));

/** A gRPC server on node:http2 alone, so that it can do what no gRPC library would. It stops when the test has finished. */
export async function startMisbehavingGrpcServer(port = 0): Promise<MisbehavingGrpcServer> {
  const calls: ReceivedCall[] = [];
  const connections = new Set<{ session: Http2Session; socket: Socket }>();
  let connectionCount = 0;
  const streams: ServerHttp2Stream[] = [];
  let next: Behaviour | undefined;
  let always: Behaviour = answerWell;
  // Room for answers that are too large: the limit under test is the client's. And patience with callers who give up:
  // nghttp2 takes more than 33 a second for an attack, when it has seen a thousand, and ends the session.
  const server = createServer({ maxSessionMemory: 1_000, streamResetBurst: 1_000_000, streamResetRate: 1_000_000 });
  const sockets: Socket[] = [];
  // Before the server's own listener, which makes the session.
  server.prependListener("connection", (socket: Socket) => {
    connectionCount++;
    sockets.push(socket);
    socket.on("error", () => {});
  });
  server.on("session", (session) => {
    const connection = { session, socket: sockets.at(-1)! };
    connections.add(connection);
    session.on("error", () => {});
    session.on("close", () => connections.delete(connection));
    session.on("stream", (stream, headers) => {
      const call: ReceivedCall = { headers, receivedAtMs: Date.now(), resetWith: undefined };
      calls.push(call);
      streams.push(stream);
      stream.on("error", () => {});
      stream.on("close", () => {
        if (stream.rstCode !== 0) call.resetWith = stream.rstCode;
      });
      stream.resume();
      const behave = next ?? always;
      next = undefined;
      behave(stream, connection);
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as AddressInfo;

  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
    return stopped;
  };
  onTestFinished(stop);
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    calls,
    streams,
    connectionCount: () => connectionCount,
    misbehaveOnce: (behaviour) => {
      next = behaviour;
    },
    misbehave: (behaviour) => {
      always = behaviour;
    },
    restart: () => {
      for (const { session } of connections) session.close();
    },
    goAway: (code) => {
      for (const { session } of connections) session.goaway(code);
    },
    resetConnections: () => {
      for (const { socket } of connections) socket.resetAndDestroy();
    },
    limitStreams: async (count) => {
      for (const { session } of connections) {
        await new Promise<void>((resolve) => session.settings({ maxConcurrentStreams: count }, () => resolve()));
      }
    },
    stop,
  };
}

/** A message in its envelope: flags, length, bytes. `length` may lie. */
export function envelope(message: Uint8Array, { flags = 0, length = message.byteLength } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

export const goodEnvelope = envelope(GOOD_MESSAGE);

interface Answer {
  readonly headers?: Record<string, string | number>;
  readonly body?: Uint8Array;
  /** Null: the stream ends with its data, without trailers. */
  readonly trailers?: Record<string, string> | null;
}

/** Answers with any headers, body and trailers; what is not given is as it should be. */
export function answer({ headers = {}, body = goodEnvelope, trailers = { "grpc-status": "0" } }: Answer): Behaviour {
  return (stream) => {
    stream.respond({ ...GRPC_HEADERS, ...headers }, { waitForTrailers: trailers !== null });
    if (trailers !== null) stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(body);
  };
}

export const answerWell: Behaviour = answer({});

/** A status and nothing else, as most servers send a refusal: all of it in one block of headers. */
export function refuse(status: number | string, message: string, more: Record<string, string> = {}): Behaviour {
  return (stream) => {
    const headers = { "grpc-status": String(status), "grpc-message": message, ...more };
    stream.respond({ ...GRPC_HEADERS, ...headers }, { endStream: true });
  };
}

/** A proxy's own answer, in place of the service's. */
export function proxyAnswer(status: number, body = "<html><h1>from 10.0.0.7:50051</h1></html>"): Behaviour {
  return answer({
    headers: { ":status": status, "content-type": "text/html" },
    body: Buffer.from(body),
    trailers: null,
  });
}

/** Takes the call and says nothing, ever. */
export const hang: Behaviour = () => {};

/** Says that an answer comes, and then nothing. */
export const hangAfterHeaders: Behaviour = (stream) => stream.respond(GRPC_HEADERS);

/** Sends the headers and half of the message, and then nothing. */
export const hangInMessage: Behaviour = (stream) => {
  stream.respond(GRPC_HEADERS);
  stream.write(goodEnvelope.subarray(0, 8));
};

/** Takes the call and drops the connection. */
export const dropConnection: Behaviour = (_stream, { socket }) => socket.destroy();

/** The same with a TCP RST, as a crashed machine's neighbour sends. */
export const resetConnection: Behaviour = (_stream, { socket }) => socket.resetAndDestroy();

/** The same in the middle of the answer. */
export const dropConnectionInAnswer: Behaviour = (stream, { socket }) => {
  stream.respond(GRPC_HEADERS);
  stream.write(goodEnvelope.subarray(0, 8), () => setImmediate(() => socket.destroy()));
};

/** Ends the stream with an HTTP/2 error code. */
export function resetStream(code: number): Behaviour {
  return (stream) => stream.close(code);
}

/** Sends the headers, and then ends the stream with an HTTP/2 error code. */
export function resetStreamAfterHeaders(code: number): Behaviour {
  return (stream) => {
    stream.respond(GRPC_HEADERS);
    stream.write(goodEnvelope.subarray(0, 8), () => stream.close(code));
  };
}

/** Says goodbye to the connection while the call is under way; `lastStreamId` 0 says that the call was never looked at. */
export function goAwayDuringCall(code: number, { lastStreamId = 0, thenAnswer = false } = {}): Behaviour {
  return (stream, connection) => {
    connection.session.goaway(code, lastStreamId);
    if (thenAnswer) setImmediate(() => answerWell(stream, connection));
    else setImmediate(() => connection.socket.end());
  };
}
