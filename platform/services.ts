/**
 * The five services by the names that this program's options use, with the name each has in logs (the gateway's
 * `/health/detailed` uses the same), the port it has by default, and the variable that moves it.
 */
export const services = {
  users: { label: "user-service", port: 50051, portVariable: "PLATFORM_USER_PORT" },
  tasks: { label: "task-service", port: 50052, portVariable: "PLATFORM_TASK_PORT" },
  recommendation: { label: "recommendation-service", port: 50054, portVariable: "PLATFORM_RECOMMENDATION_PORT" },
  orchestrator: { label: "orchestrator", port: 50053, portVariable: "PLATFORM_ORCHESTRATOR_PORT" },
  presence: { label: "presence-service", port: 8080, portVariable: "PLATFORM_PRESENCE_PORT" },
} as const;

/** One of the five services. */
export type ServiceName = keyof typeof services;

/** All five, in the order in which they are started and shown. */
export const serviceNames = Object.keys(services) as readonly ServiceName[];
