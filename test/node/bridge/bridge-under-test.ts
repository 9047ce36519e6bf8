import { randomBytes } from "node:crypto";
import http from "node:http";
import type { Interceptor, Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { onTestFinished } from "vitest";
import { startBridge } from "#src/node/bridge/start-bridge.ts";
import { UPSTREAM_SERVICES } from "#src/upstream/services.ts";

export interface BridgeUnderTest {
  readonly url: string;
  readonly secret: string;
  /** What it has logged so far, a parsed object a line. */
  readonly log: readonly Record<string, unknown>[];
  /** The same, as it was written. */
  readonly logText: () => string;
  stop(): Promise<boolean>;
}

/** Starts a bridge in front of one address for all services. It stops when the test has finished. */
export async function startBridgeUnderTest(
  serviceUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<BridgeUnderTest> {
  const secret = randomBytes(32).toString("base64url");
  const lines: string[] = [];
  const bridge = await startBridge({
    env: {
      BRIDGE_HOST: "127.0.0.1",
      BRIDGE_PORT: "0",
      BRIDGE_SECRET: secret,
      SHUTDOWN_GRACE: "5",
      ...Object.fromEntries(UPSTREAM_SERVICES.map(({ urlVariable }) => [urlVariable, serviceUrl])),
      ...env,
    },
    writeLog: (line) => lines.push(line),
  });
  let stopped: Promise<boolean> | undefined;
  const stop = () => (stopped ??= bridge.stop());
  onTestFinished(async () => {
    await stop();
  });
  return {
    url: bridge.url,
    secret,
    get log() {
      return lines.map((line) => JSON.parse(line));
    },
    logText: () => lines.join("\n"),
    stop,
  };
}

/** The ways into the bridge: protocol, HTTP version, format. */
export const WAYS = [
  "Connect over HTTP/1.1",
  "Connect as JSON over HTTP/1.1",
  "Connect over h2c",
  "gRPC-Web over HTTP/1.1",
  "gRPC-Web over h2c",
  "gRPC over h2c",
] as const;
export type Way = (typeof WAYS)[number];

/** Those that carry what the bridge does not know. */
export const BINARY_WAYS = WAYS.filter((way) => !way.includes("JSON"));

/** Opens a way into the bridge with a secret (null: none). Its connections close when the test has finished. */
export function openWay(
  way: Way,
  { url, secret }: { readonly url: string; readonly secret: string | null },
  header: Readonly<Record<string, string>> = {},
): Transport {
  const withHeader: Interceptor = (next) => (request) => {
    if (secret !== null) request.header.set("authorization", `Bearer ${secret}`);
    for (const [name, value] of Object.entries(header)) request.header.set(name, value);
    return next(request);
  };
  const common = {
    baseUrl: url,
    interceptors: [withHeader],
    useBinaryFormat: !way.includes("JSON"),
  };
  if (way.endsWith("h2c")) {
    const sessionManager = new Http2SessionManager(url, {}, { maxSessionMemory: 1_000 });
    onTestFinished(() => sessionManager.abort());
    const options = { ...common, httpVersion: "2", sessionManager } as const;
    if (way.startsWith("gRPC over")) return createGrpcTransport(options);
    return way.startsWith("Connect") ? createConnectTransport(options) : createGrpcWebTransport(options);
  }
  const agent = new http.Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const options = { ...common, httpVersion: "1.1", nodeOptions: { agent } } as const;
  return way.startsWith("Connect") ? createConnectTransport(options) : createGrpcWebTransport(options);
}
