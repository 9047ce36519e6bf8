import type { ConfigDefaults } from "../config.ts";

/** What configuration can ask of a Worker. There is no HTTP/2 client, so there is no gRPC. */
export const WORKERS_ABILITIES = {
  protocol: "connect",
  protocols: ["connect", "grpc-web"],
  redisOverTcp: false,
} as const satisfies ConfigDefaults;
