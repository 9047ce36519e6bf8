import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import type { ServiceAddress } from "../config.ts";
import { UPSTREAM_SERVICES, type UpstreamService } from "../upstream/services.ts";

/** One transport a service, over fetch: Connect or gRPC-Web on HTTP/1.1, since workerd has no HTTP/2 client. */
export function createWorkersTransports(
  services: Readonly<Record<UpstreamService, ServiceAddress>>,
): Readonly<Record<UpstreamService, Transport>> {
  const rows = UPSTREAM_SERVICES.map(({ key }) => {
    const { url: baseUrl, protocol } = services[key];
    const options = { baseUrl, useBinaryFormat: true, fetch: fetchUpstream };
    return [key, protocol === "grpc-web" ? createGrpcWebTransport(options) : createConnectTransport(options)] as const;
  });
  return Object.fromEntries(rows) as Record<UpstreamService, Transport>;
}

/** Connect asks for `redirect: "error"`, which workerd refuses. */
const fetchUpstream: typeof fetch = (input, init) => fetch(input, { ...init, redirect: "manual" });
