import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { GetUserResponseSchema } from "#gen/platform/users/v1/users_pb.ts";
import type { FailingCall, FetchProtocol } from "../suites/fetch-transport-suite.ts";

/** A service over HTTP/1.1 whose calls end as their path says: `/<protocol>/<way>/platform.users.v1.UserService/GetUser`. */
export interface FailingService {
  readonly url: string;
  stop(): Promise<void>;
}

type Behaviour = (response: ServerResponse, protocol: FetchProtocol, request: IncomingMessage) => void;

const TYPES: Readonly<Record<FetchProtocol, string>> = {
  connect: "application/proto",
  "grpc-web": "application/grpc-web+proto",
};
const STREAM_TYPES: Readonly<Record<FetchProtocol, string>> = {
  connect: "application/connect+proto",
  "grpc-web": "application/grpc-web+proto",
};
const goodMessage = toBinary(GetUserResponseSchema, create(GetUserResponseSchema, { user: { userId: "usr_good" } }));

function enveloped(message: Uint8Array, { flags = 0, length = message.byteLength } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** What ends a stream well. */
const END: Readonly<Record<FetchProtocol, Buffer>> = {
  connect: enveloped(Buffer.from("{}"), { flags: 2 }),
  "grpc-web": enveloped(Buffer.from("grpc-status: 0\r\n"), { flags: 0x80 }),
};

function unaryAnswer(protocol: FetchProtocol, message: Uint8Array): Uint8Array {
  return protocol === "connect" ? message : Buffer.concat([enveloped(message), END["grpc-web"]]);
}

const page =
  (status: number): Behaviour =>
  (response) =>
    response.writeHead(status, { "content-type": "text/html" }).end("<html>10.0.0.7:50051</html>");
const LARGE = 17 * 1_048_576;

/** Sends so much as is asked for, in pieces, to whoever takes it. */
function pour(response: ServerResponse, bytes: number): void {
  const piece = Buffer.alloc(65_536);
  let left = bytes;
  const more = () => {
    while (left > 0 && !response.destroyed) {
      left -= piece.byteLength;
      if (!response.write(piece)) return;
    }
    if (left <= 0) response.end();
  };
  response.on("drain", more);
  more();
}

const BEHAVIOURS: Readonly<Record<FailingCall, Behaviour>> = {
  good: (response, protocol) =>
    response.writeHead(200, { "content-type": TYPES[protocol] }).end(unaryAnswer(protocol, goodMessage)),
  "HTTP 401": page(401),
  "HTTP 403": page(403),
  "HTTP 404": page(404),
  "HTTP 429": page(429),
  "HTTP 500": page(500),
  "HTTP 502": page(502),
  "HTTP 503": page(503),
  "HTTP 504": page(504),
  "HTTP 504 without a body": (response) => response.writeHead(504).end(),
  "HTTP 204": (response) => response.writeHead(204).end(),
  "HTML with 200": page(200),
  "a redirect": (response, protocol, { url }) =>
    response.writeHead(307, { location: url!.replace("a%20redirect", "good"), "content-type": TYPES[protocol] }).end(),
  silence: () => {},
  "silence after the head": (response, protocol) =>
    response.writeHead(200, { "content-type": TYPES[protocol] }).flushHeaders(),
  "a dropped connection": (response) => response.destroy(),
  "a connection dropped in the answer": (response, protocol) => {
    response.writeHead(200, { "content-type": TYPES[protocol], "content-length": 100 });
    response.write("abc", () => setImmediate(() => response.destroy()));
  },
  "what is no HTTP": (response) => response.socket!.end("220 mail.example ESMTP\r\n"),
  "bytes that are no protobuf": (response, protocol) =>
    response.writeHead(200, { "content-type": TYPES[protocol] }).end("garbage!"),
  "an envelope of 4 GiB": (response, protocol) =>
    response
      .writeHead(200, { "content-type": TYPES[protocol] })
      .end(enveloped(Buffer.from("abc"), { length: 2 ** 32 - 1 })),
  "gzip that was not asked for": (response, protocol) =>
    response
      .writeHead(200, { "content-type": TYPES[protocol], "content-encoding": "gzip" })
      .end(gzipSync(unaryAnswer(protocol, goodMessage))),
  "gzip that is none": (response, protocol) =>
    response.writeHead(200, { "content-type": TYPES[protocol], "content-encoding": "gzip" }).end("garbage!"),
  "a gzip bomb": (response, protocol) =>
    response
      .writeHead(200, { "content-type": TYPES[protocol], "content-encoding": "gzip" })
      .end(gzipSync(Buffer.alloc(64 * 1_048_576))),
  "an answer over 16 MiB": (response, protocol) => {
    response.writeHead(200, { "content-type": TYPES[protocol], "content-length": LARGE });
    pour(response, LARGE);
  },
  "an answer without an end": (response, protocol) => {
    response.writeHead(200, { "content-type": TYPES[protocol] });
    pour(response, Number.POSITIVE_INFINITY);
  },
  "an error's text without an end": (response) => {
    response.writeHead(500, { "content-type": "application/json" });
    pour(response, Number.POSITIVE_INFINITY);
  },
  "a push-back": (response, protocol) => {
    const pushback = { "grpc-retry-pushback-ms": "-1" };
    if (protocol === "connect") {
      response.writeHead(503, { "content-type": "application/json", "trailer-grpc-retry-pushback-ms": "-1" });
      response.end(JSON.stringify({ code: "unavailable", message: "draining" }));
    } else {
      response.writeHead(200, { "content-type": TYPES[protocol], "grpc-status": "14", ...pushback }).end();
    }
  },
  "a stream": (response, protocol) =>
    response
      .writeHead(200, { "content-type": STREAM_TYPES[protocol] })
      .end(Buffer.concat([enveloped(goodMessage), enveloped(goodMessage), END[protocol]])),
  "a stream with a message over 16 MiB": (response, protocol) => {
    response.writeHead(200, { "content-type": STREAM_TYPES[protocol] });
    response.write(Buffer.concat([enveloped(goodMessage), enveloped(Buffer.alloc(0), { length: LARGE })]));
    pour(response, LARGE);
  },
  "a stream that breaks off": (response, protocol) => {
    response.writeHead(200, { "content-type": STREAM_TYPES[protocol] });
    response.write(enveloped(goodMessage), () => setImmediate(() => response.destroy()));
  },
  "a stream that goes on": (response, protocol) => {
    response.writeHead(200, { "content-type": STREAM_TYPES[protocol] });
    response.write(enveloped(goodMessage));
  },
};

/** Starts the service on 127.0.0.1. `GET /cut` answers how many of its answers were cut off by their callers so far. */
export async function startFailingService(): Promise<FailingService> {
  let cut = 0;
  const server = createServer((request, response) => {
    response.on("error", () => {});
    request.on("error", () => {});
    if (request.url === "/cut") {
      response.end(String(cut));
      return;
    }
    const [, protocol, way] = decodeURIComponent(request.url!).split("/");
    request.resume().on("end", () => {
      response.on("close", () => {
        if (!response.writableFinished) cut += 1;
      });
      const echo = { "x-authorization-was": request.headers.authorization ?? "none" };
      for (const [name, value] of Object.entries(echo)) response.setHeader(name, value);
      BEHAVIOURS[way as FailingCall](response, protocol as FetchProtocol, request);
    });
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
