/** The gRPC services behind the gateway, by the names that the code uses. */
export type UpstreamService = "users" | "tasks" | "recommendation" | "orchestrator";

/** How a service can be spoken to. */
export type UpstreamProtocol = (typeof UPSTREAM_PROTOCOLS)[number];

export const UPSTREAM_PROTOCOLS = ["grpc", "connect", "grpc-web"] as const;

interface UpstreamServiceInfo {
  readonly key: UpstreamService;
  /** The name in metrics, logs and `/health/detailed`. */
  readonly label: string;
  /** What a client is told the service is. */
  readonly title: string;
  readonly urlVariable: string;
  readonly protocolVariable: string;
  readonly defaultAddress: string;
}

/** One row a service: what contract.md sections 1, 5 and 6 call it. */
export const UPSTREAM_SERVICES: readonly UpstreamServiceInfo[] = [
  {
    key: "users",
    label: "user-service",
    title: "user service",
    urlVariable: "USER_SERVICE_URL",
    protocolVariable: "USER_SERVICE_PROTOCOL",
    defaultAddress: "localhost:50051",
  },
  {
    key: "tasks",
    label: "task-service",
    title: "task service",
    urlVariable: "TASK_SERVICE_URL",
    protocolVariable: "TASK_SERVICE_PROTOCOL",
    defaultAddress: "localhost:50052",
  },
  {
    key: "recommendation",
    label: "recommendation-service",
    title: "recommendation service",
    urlVariable: "RECOMMENDATION_SERVICE_URL",
    protocolVariable: "RECOMMENDATION_SERVICE_PROTOCOL",
    defaultAddress: "localhost:50054",
  },
  {
    key: "orchestrator",
    label: "orchestrator",
    title: "orchestrator",
    urlVariable: "ORCHESTRATOR_URL",
    protocolVariable: "ORCHESTRATOR_PROTOCOL",
    defaultAddress: "localhost:50053",
  },
];

/** The label of the Presence Service, which speaks HTTP and has no descriptor. */
export const PRESENCE_LABEL = "presence-service";

/** A service's label in metrics, logs and health. */
export function labelOf(service: UpstreamService): string {
  return infoOf(service).label;
}

/** What a client is told the service is. */
export function titleOf(service: UpstreamService): string {
  return infoOf(service).title;
}

function infoOf(service: UpstreamService): UpstreamServiceInfo {
  const info = UPSTREAM_SERVICES.find(({ key }) => key === service);
  if (info === undefined) throw new Error(`no such service: ${service}`);
  return info;
}
