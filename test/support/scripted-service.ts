import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type {
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { HandlerContext, Transport } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { answerUnknownPath } from "#platform/rpc/unknown-path.ts";
import { createSharedPort } from "#src/node/net/shared-port.ts";

/**
 * Answers one rpc in place of the real service: returns a message, throws a ConnectError, or never settles; for a stream
 * it yields messages.
 */
export type Script<S extends DescService> = {
  [K in keyof S["method"]]?: S["method"][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, context: HandlerContext) => MessageInitShape<O> | Promise<MessageInitShape<O>>
    : S["method"][K] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, context: HandlerContext) => AsyncIterable<MessageInitShape<O>>
      : never;
};

/** Answers a call below its protocol: whatever bytes a test wants on the wire, over HTTP/2 or HTTP/1.1. */
export type RawAnswer = (
  request: Http2ServerRequest | IncomingMessage,
  response: Http2ServerResponse | ServerResponse,
) => void;

/** One rpc that arrived. */
export interface ArrivedCall {
  /** As in the descriptor: `GetTask`. */
  readonly method: string;
  readonly header: Headers;
}

/**
 * A real server in a service's place, for gRPC over HTTP/2 and Connect or gRPC-Web over HTTP/1.1. Unless a test says otherwise, it hands every call
 * on to the service it stands for; so one rpc can fail while all that leads up to it is real.
 */
export interface ScriptedService<S extends DescService> {
  readonly url: string;
  /** The rpcs that arrived at a script or were handed on, the oldest first. */
  readonly arrived: readonly ArrivedCall[];
  /** From now on these rpcs are answered so, and all others are handed on. */
  answer(script: Script<S>): void;
  /** From now on the service has none of these rpcs: an older version of it. */
  lack(...methods: (keyof S["method"] & string)[]): void;
  /** From now on every stream is answered with this, not only those of rpcs that we know. */
  answerRaw(raw: RawAnswer): void;
  /** Takes back all of the above. */
  reset(): void;
  /** Calls that are not answered here go there. */
  standFor(realUrl: string): void;
  stop(): Promise<void>;
}

/** Starts a scripted service on 127.0.0.1, on a port that the system chose unless told. */
export async function startScriptedService<S extends DescService>(
  service: S,
  { port = 0 }: { readonly port?: number } = {},
): Promise<ScriptedService<S>> {
  const arrived: ArrivedCall[] = [];
  let script: Script<S> = {};
  let lacking: readonly string[] = [];
  let raw: RawAnswer | undefined;
  let real: { transport: Transport; close: () => void } | undefined;

  /** The script for a call that has just arrived, if there is one. */
  const scriptFor = <T>({ name, localName }: DescMethod, { requestHeader }: HandlerContext) => {
    arrived.push({ method: name, header: requestHeader });
    return script[localName as keyof S["method"]] as ((request: object, context: HandlerContext) => T) | undefined;
  };
  const realFor = ({ name }: DescMethod): Transport => {
    if (real === undefined) throw new Error(`${name} is neither scripted nor handed on`);
    return real.transport;
  };
  const handle = (method: DescMethodUnary) => async (request: object, context: HandlerContext) => {
    const own = scriptFor<object>(method, context);
    if (own !== undefined) return own(request, context);
    return (await realFor(method).unary(method, context.signal, undefined, undefined, request as never)).message;
  };
  const handleStream = (method: DescMethodServerStreaming) =>
    async function* (request: object, context: HandlerContext) {
      const own = scriptFor<AsyncIterable<object>>(method, context);
      if (own !== undefined) return yield* own(request, context);
      const requests = (async function* () {
        yield request as never;
      })();
      yield* (await realFor(method).stream(method, context.signal, undefined, undefined, requests)).message;
    };
  const adapter = connectNodeAdapter({
    routes: (router) => {
      for (const method of service.methods) {
        if (method.methodKind === "unary") router.rpc(method as never, handle(method as DescMethodUnary) as never);
        else router.rpc(method as never, handleStream(method as DescMethodServerStreaming) as never);
      }
    },
    fallback: answerUnknownPath as never,
  });

  const { server } = createSharedPort((request, response) => {
    // A peer that cuts the call is what some of these tests are about.
    request.on("error", () => {});
    response.on("error", () => {});
    if (raw !== undefined) return raw(request, response);
    if (lacking.some((name) => request.url?.endsWith(`/${name}`))) return answerUnknownPath(request, response);
    adapter(request, response);
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrived,
    answer: (next) => {
      script = next;
    },
    lack: (...methods) => {
      lacking = methods.map((localName) => service.method[localName]!.name);
    },
    answerRaw: (next) => {
      raw = next;
    },
    reset: () => {
      script = {};
      lacking = [];
      raw = undefined;
    },
    standFor: (baseUrl) => {
      real?.close();
      const sessionManager = new Http2SessionManager(baseUrl);
      real = { transport: createGrpcTransport({ baseUrl, sessionManager }), close: () => sessionManager.abort() };
    },
    async stop() {
      real?.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** For a script: an rpc that is never answered. */
export function hang(): Promise<never> {
  return new Promise(() => {});
}
