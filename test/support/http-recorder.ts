import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { onTestFinished } from "vitest";

/** What a server does with one request. The body has been read. */
export type HttpBehaviour = (response: ServerResponse, request: IncomingMessage) => void;

export interface ReceivedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The connection ended before the answer did. */
  cut: boolean;
}

export interface HttpRecorder {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly ReceivedRequest[];
  readonly socketCount: () => number;
  stop(): Promise<void>;
}

/** An HTTP/1.1 server that notes each request and does what it is told. It stops when the test has finished. */
export async function startHttpRecorder(behave: HttpBehaviour, port = 0): Promise<HttpRecorder> {
  const requests: ReceivedRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("error", () => {});
    request.on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const received: ReceivedRequest = { method, url, headers, body, cut: false };
      requests.push(received);
      response.on("error", () => {});
      response.on("close", () => {
        received.cut = !response.writableFinished;
      });
      behave(response, request);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
    return stopped;
  };
  onTestFinished(stop);
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    requests,
    socketCount: () => sockets.size,
    stop,
  };
}
