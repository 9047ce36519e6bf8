import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ConfigError } from "#src/config.ts";
import { loadBridgeConfig } from "#src/node/bridge/bridge-config.ts";
import { BRIDGED_SERVICES } from "#src/node/bridge/bridged-services.ts";
import { loadMode } from "#src/node/mode.ts";
import { UPSTREAM_SERVICES } from "#src/upstream/services.ts";

const SECRET = "q7Tz!mW2vR9xLp4KdY8sBn3Hf6JcGa1E";

test("with nothing but a secret, everything has a default", () => {
  expect(loadBridgeConfig({ BRIDGE_SECRET: SECRET })).toEqual({
    host: "0.0.0.0",
    port: 8090,
    secret: SECRET,
    services: {
      users: { url: "http://localhost:50051", protocol: "grpc" },
      tasks: { url: "http://localhost:50052", protocol: "grpc" },
      orchestrator: { url: "http://localhost:50053", protocol: "grpc" },
      recommendation: { url: "http://localhost:50054", protocol: "grpc" },
    },
    presenceUrl: "http://localhost:8080",
    upstreamTimeoutMs: 30_000,
    maxInFlight: 1000,
    logLevel: "info",
    metricsToken: undefined,
    shutdownGraceMs: 25_000,
  });
});

test("everything that is wrong is said at once, and no value is", () => {
  const wrong = {
    BRIDGE_SECRET: "too-short-7Tz",
    BRIDGE_PORT: "99999",
    BRIDGE_MAX_IN_FLIGHT: "many",
    TASK_SERVICE_URL: "ftp://wrong",
    UPSTREAM_TIMEOUT: "-1",
    METRICS_TOKEN: "scrape me",
  };
  const load = () => loadBridgeConfig(wrong);
  expect(load).toThrow(ConfigError);
  for (const name of Object.keys(wrong)) expect(load).toThrow(name);
  for (const value of Object.values(wrong)) expect(load).not.toThrow(value);
});

test("it is the gateway unless told", () => {
  expect([loadMode({}), loadMode({ GATEWAY_MODE: "" }), loadMode({ GATEWAY_MODE: "bridge" })]).toEqual([
    "gateway",
    "gateway",
    "bridge",
  ]);
});

test("docs/bridge.md's table names exactly the variables that the bridge reads", () => {
  const read = new Set<string>();
  const env = new Proxy<Record<string, string>>(
    { BRIDGE_SECRET: SECRET },
    {
      get: (target, name) => {
        read.add(String(name));
        return target[String(name)];
      },
    },
  );
  loadMode(env);
  loadBridgeConfig(env);

  const page = readFileSync(new URL("../../../docs/bridge.md", import.meta.url), "utf8");
  const firstCells = [...page.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell]) => cell!);
  const named = firstCells.flatMap((cell) => [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name));

  expect(named.toSorted()).toEqual([...read].toSorted());
});

test("every service that the gateway calls by gRPC is bridged", () => {
  expect(Object.keys(BRIDGED_SERVICES).toSorted()).toEqual(UPSTREAM_SERVICES.map(({ key }) => key).toSorted());
});
