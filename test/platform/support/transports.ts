import { Agent } from "node:http";
import type { Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";

/** A transport, and how to let go of its connections. */
export interface OpenTransport {
  transport: Transport;
  close(): void;
}

/** A way to speak to a service. */
export interface Protocol {
  name: string;
  open(baseUrl: string): OpenTransport;
}

/** Every way that a gateway may be configured to speak to the platform. */
export const protocols: readonly Protocol[] = [
  {
    name: "gRPC over HTTP/2",
    open: (baseUrl) => {
      const sessionManager = new Http2SessionManager(baseUrl);
      return { transport: createGrpcTransport({ baseUrl, sessionManager }), close: () => sessionManager.abort() };
    },
  },
  {
    name: "gRPC-Web over HTTP/1.1",
    open: (baseUrl) => {
      const agent = new Agent({ keepAlive: true });
      const transport = createGrpcWebTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { agent } });
      return { transport, close: () => agent.destroy() };
    },
  },
  {
    name: "Connect over HTTP/1.1",
    open: (baseUrl) => {
      const agent = new Agent({ keepAlive: true });
      const transport = createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { agent } });
      return { transport, close: () => agent.destroy() };
    },
  },
  {
    name: "Connect over HTTP/2",
    open: (baseUrl) => {
      const sessionManager = new Http2SessionManager(baseUrl);
      const transport = createConnectTransport({ baseUrl, httpVersion: "2", sessionManager });
      return { transport, close: () => sessionManager.abort() };
    },
  },
];
