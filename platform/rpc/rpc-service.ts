import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server } from "node:net";
import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createSharedPort } from "#src/node/net/shared-port.ts";
import type { Logger } from "../logger.ts";
import { logCalls } from "./log-calls.ts";
import { answerUnknownPath } from "./unknown-path.ts";

/** gRPC's own limit for a message; without one a peer could fill the memory. */
const maxMessageBytes = 4 * 1024 * 1024;

/** A service that can be put on a port. */
export interface RpcService {
  server: Server;
  /** Aborts the calls in flight and settles when they have ended. */
  drain(): Promise<void>;
}

/** Makes an implementation a server for gRPC, gRPC-Web and Connect. */
export function createRpcService<S extends DescService>(service: S, impl: ServiceImpl<S>, log: Logger): RpcService {
  const shutdown = new AbortController();
  const answer = connectNodeAdapter({
    routes: (router) => router.service(service, impl),
    interceptors: [logCalls(log)],
    readMaxBytes: maxMessageBytes,
    shutdownSignal: shutdown.signal,
    fallback: (request, response) => answerUnknownPath(request as IncomingMessage, response as ServerResponse),
  });
  const { server, drain } = createSharedPort((request, response) => {
    try {
      answer(request, response);
    } catch (error) {
      // The adapter throws where it cannot make a URL of the request: no or an impossible Host.
      log("warn", { message: "unreadable request", error: String(error) });
      response.writeHead(400).end();
    }
  });
  return {
    server,
    drain() {
      shutdown.abort(new ConnectError("the service is stopping", Code.Unavailable));
      return drain();
    },
  };
}
