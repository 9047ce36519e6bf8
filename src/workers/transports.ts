import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import type { ServiceAddress } from "../config.ts";
import { UPSTREAM_SERVICES, type UpstreamService } from "../upstream/services.ts";
import { createConnectUnary } from "./connect-unary.ts";
import { createEnvelopedUnaryFetch, createStreamFetch, type UpstreamFetchOptions } from "./upstream-fetch.ts";

/** One transport a service, over fetch: Connect or gRPC-Web on HTTP/1.1, since workerd has no HTTP/2 client. */
export function createWorkersTransports(
  services: Readonly<Record<UpstreamService, ServiceAddress>>,
  options: UpstreamFetchOptions,
): Readonly<Record<UpstreamService, Transport>> {
  const rows = UPSTREAM_SERVICES.map(({ key }) => [key, createWorkersTransport(services[key], options)] as const);
  return Object.fromEntries(rows) as Record<UpstreamService, Transport>;
}

/** One answer is bounded as a whole, a stream message by message. */
export function createWorkersTransport({ url, protocol }: ServiceAddress, options: UpstreamFetchOptions): Transport {
  const common = { baseUrl: url, useBinaryFormat: true };
  const streaming = { ...common, fetch: createStreamFetch(options) };
  if (protocol === "grpc-web") {
    const { unary } = createGrpcWebTransport({ ...common, fetch: createEnvelopedUnaryFetch(options) });
    return { unary, stream: createGrpcWebTransport(streaming).stream };
  }
  return { unary: createConnectUnary(url, options), stream: createConnectTransport(streaming).stream };
}
