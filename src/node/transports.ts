import http from "node:http";
import https from "node:https";
import type { Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import type { ServiceAddress } from "../config.ts";
import { UPSTREAM_SERVICES, type UpstreamService } from "../upstream/services.ts";

export interface NodeTransports {
  readonly transports: Readonly<Record<UpstreamService, Transport>>;
  /** Drops every connection; calls under way fail. */
  close(): void;
}

/** More than any answer of the platform; a service that sends more is broken or hostile. */
const READ_MAX_BYTES = 16 * 1_048_576;
/** How many HTTP/1.1 connections one service gets at most. */
const MAX_SOCKETS = 100;

/**
 * One transport a service. gRPC goes over one kept HTTP/2 session, h2c where the address is http; a service that is
 * silent for long is asked with a PING before the next call trusts the connection. Connect and gRPC-Web go over
 * HTTP/1.1, which proxies and libraries that speak them all understand.
 */
export function createNodeTransports(services: Readonly<Record<UpstreamService, ServiceAddress>>): NodeTransports {
  const closers: (() => void)[] = [];
  const rows = UPSTREAM_SERVICES.map(({ key }) => {
    const { transport, close } = createNodeTransport(services[key]);
    closers.push(close);
    return [key, transport] as const;
  });
  return {
    transports: Object.fromEntries(rows) as Record<UpstreamService, Transport>,
    close: () => {
      for (const close of closers) close();
    },
  };
}

function createNodeTransport({ url, protocol }: ServiceAddress): { transport: Transport; close: () => void } {
  const common = { baseUrl: url, readMaxBytes: READ_MAX_BYTES };
  if (protocol === "grpc") {
    const sessionManager = new Http2SessionManager(url, { pingIntervalMs: 30_000, pingTimeoutMs: 5_000 });
    return { transport: createGrpcTransport({ ...common, sessionManager }), close: () => sessionManager.abort() };
  }
  const agentOptions = { keepAlive: true, maxSockets: MAX_SOCKETS };
  const agent = url.startsWith("https:") ? new https.Agent(agentOptions) : new http.Agent(agentOptions);
  const options = { ...common, httpVersion: "1.1", nodeOptions: { agent } } as const;
  const transport = protocol === "connect" ? createConnectTransport(options) : createGrpcWebTransport(options);
  return { transport, close: () => agent.destroy() };
}
