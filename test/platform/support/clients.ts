import { type Client, createClient } from "@connectrpc/connect";
import { onTestFinished } from "vitest";
import { RecommendationService } from "#gen/platform/matching/v1/matching_pb.ts";
import { OrchestratorService } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { TaskService } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import type { RunningPlatform } from "#platform/platform.ts";
import { type Protocol, protocols } from "./transports.ts";

/** A client for each service. */
export interface Clients {
  users: Client<typeof UserService>;
  tasks: Client<typeof TaskService>;
  recommendation: Client<typeof RecommendationService>;
  orchestrator: Client<typeof OrchestratorService>;
}

/** Clients that let go of their connections when the test has finished. gRPC unless told. */
export function openClients(platform: RunningPlatform, protocol: Protocol = protocols[0]!): Clients {
  const open = (url: string) => {
    const { transport, close } = protocol.open(url);
    onTestFinished(close);
    return transport;
  };
  const { users, tasks, recommendation, orchestrator } = platform.services;
  return {
    users: createClient(UserService, open(users.url)),
    tasks: createClient(TaskService, open(tasks.url)),
    recommendation: createClient(RecommendationService, open(recommendation.url)),
    orchestrator: createClient(OrchestratorService, open(orchestrator.url)),
  };
}
