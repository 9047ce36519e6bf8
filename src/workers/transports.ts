import type { Transport } from "@connectrpc/connect";
import type { ServiceAddress } from "../config.ts";
import { UPSTREAM_SERVICES, type UpstreamService } from "../upstream/services.ts";
import { createConnectTransport } from "./connect-transport.ts";
import { createGrpcWebTransport } from "./grpc-web-transport.ts";
import { createSend, type UpstreamSendOptions } from "./upstream-send.ts";

/** One transport a service, over fetch: Connect or gRPC-Web on HTTP/1.1, since workerd has no HTTP/2 client. */
export function createWorkersTransports(
  services: Readonly<Record<UpstreamService, ServiceAddress>>,
  options: UpstreamSendOptions,
): Readonly<Record<UpstreamService, Transport>> {
  const rows = UPSTREAM_SERVICES.map(({ key }) => [key, createWorkersTransport(services[key], options)] as const);
  return Object.fromEntries(rows) as Record<UpstreamService, Transport>;
}

export function createWorkersTransport({ url, protocol }: ServiceAddress, options: UpstreamSendOptions): Transport {
  const send = createSend(url, options);
  return protocol === "grpc-web" ? createGrpcWebTransport(send) : createConnectTransport(send);
}
