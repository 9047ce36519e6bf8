import type { Transport } from "@connectrpc/connect";
import { RecommendationService } from "../gen/platform/matching/v1/matching_pb.ts";
import { OrchestratorService } from "../gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { TaskService } from "../gen/platform/tasks/v1/tasks_pb.ts";
import { UserService } from "../gen/platform/users/v1/users_pb.ts";
import type { GatewayMetrics } from "../telemetry/gateway-metrics.ts";
import type { Breaker } from "./breakers.ts";
import type { CallCache } from "./call-cache.ts";
import { createCallSlots } from "./call-slots.ts";
import type { PresenceClient } from "./presence-client.ts";
import type { UpstreamService } from "./services.ts";
import { createUpstreamClient, type UpstreamClient } from "./upstream-client.ts";

/** Everything behind the gateway. */
export interface Platform {
  readonly users: UpstreamClient<typeof UserService>;
  readonly tasks: UpstreamClient<typeof TaskService>;
  readonly recommendation: UpstreamClient<typeof RecommendationService>;
  readonly orchestrator: UpstreamClient<typeof OrchestratorService>;
  readonly presence: PresenceClient;
}

export interface PlatformOptions {
  readonly transports: Readonly<Record<UpstreamService, Transport>>;
  readonly presence: PresenceClient;
  readonly breakers: Readonly<Record<UpstreamService, Breaker>>;
  /** How many calls of one service may be under way at once. */
  readonly maxInFlight: number;
  /** The ceiling for everything that one request waits for. */
  readonly requestTimeoutMs: number;
  readonly metrics: GatewayMetrics;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Undefined: no answer is kept. */
  readonly cache?: CallCache | undefined;
}

/** Makes the clients of all services, once for a process or isolate. */
export function createPlatform({
  transports,
  presence,
  breakers,
  maxInFlight,
  requestTimeoutMs,
  metrics,
  now,
  cache,
}: PlatformOptions): Platform {
  const options = (service: UpstreamService) => ({
    service,
    transport: transports[service],
    breaker: breakers[service],
    slots: createCallSlots({ most: maxInFlight, now }),
    requestTimeoutMs,
    metrics,
    now,
    cache,
  });
  return {
    users: createUpstreamClient(UserService, options("users")),
    tasks: createUpstreamClient(TaskService, options("tasks")),
    recommendation: createUpstreamClient(RecommendationService, options("recommendation")),
    orchestrator: createUpstreamClient(OrchestratorService, options("orchestrator")),
    presence,
  };
}
