import type { Server } from "node:net";
import type { DatabaseSync } from "node:sqlite";
import { RecommendationService } from "#gen/platform/matching/v1/matching_pb.ts";
import { OrchestratorService } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { TaskService } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import type { Logger } from "./logger.ts";
import { createBell } from "./orchestrator/bell.ts";
import { createOrchestratorService } from "./orchestrator/orchestrator-service.ts";
import { createPresenceService } from "./presence/presence-service.ts";
import { createRecommendationService } from "./recommendation/recommendation-service.ts";
import { createRpcService } from "./rpc/rpc-service.ts";
import type { ServiceName } from "./services.ts";
import type { Stores } from "./stores.ts";
import { createTaskService } from "./tasks/task-service.ts";
import type { Passwords } from "./users/passwords.ts";
import { createUserService } from "./users/user-service.ts";

/** What the services are made of. */
export interface ServiceParts extends Stores {
  db: DatabaseSync;
  passwords: Passwords;
  now: () => number;
}

/** A server that is ready to listen, and how to bring its calls to an end. */
export interface Service {
  server: Server;
  drain(): Promise<void>;
}

/** How to make each service, given its log. */
export function createServices(parts: ServiceParts): Record<ServiceName, (log: Logger) => Service> {
  return {
    users: (log) => createRpcService(UserService, createUserService(parts), log),
    tasks: (log) => createRpcService(TaskService, createTaskService(parts), log),
    recommendation: (log) => createRpcService(RecommendationService, createRecommendationService(parts), log),
    orchestrator: (log) =>
      createRpcService(OrchestratorService, createOrchestratorService({ ...parts, bell: createBell() }), log),
    presence: (log) => createPresenceService({ ...parts, log }),
  };
}
