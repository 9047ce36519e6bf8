import { RecommendationService } from "#gen/platform/matching/v1/matching_pb.ts";
import { OrchestratorService } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { TaskService } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "./gateway-under-test.ts";
import { PATIENT } from "./patient.ts";
import { type ScriptedService, startScriptedService } from "./scripted-service.ts";

export interface ScriptedServices {
  readonly users: ScriptedService<typeof UserService>;
  readonly tasks: ScriptedService<typeof TaskService>;
  readonly recommendation: ScriptedService<typeof RecommendationService>;
  readonly orchestrator: ScriptedService<typeof OrchestratorService>;
}

/** A gateway whose every gRPC service can be made to misbehave; until then the real platform answers. */
export interface ScriptedGateway extends GatewayUnderTest {
  readonly scripted: ScriptedServices;
}

/** Starts a platform, a scripted service in front of each of its gRPC services, and a gateway in front of those. */
export async function startScriptedGateway(env: Readonly<Record<string, string>> = {}): Promise<ScriptedGateway> {
  const [users, tasks, recommendation, orchestrator] = await Promise.all([
    startScriptedService(UserService),
    startScriptedService(TaskService),
    startScriptedService(RecommendationService),
    startScriptedService(OrchestratorService),
  ]);
  const gateway = await startGatewayUnderTest({
    env: {
      ...PATIENT,
      USER_SERVICE_URL: users.url,
      TASK_SERVICE_URL: tasks.url,
      RECOMMENDATION_SERVICE_URL: recommendation.url,
      ORCHESTRATOR_URL: orchestrator.url,
      // What a test scripts is to be seen by the next request, whatever was answered before.
      CACHE_TTL: "0",
      ...env,
    },
  });
  const { services } = gateway.platform;
  users.standFor(services.users.url);
  tasks.standFor(services.tasks.url);
  recommendation.standFor(services.recommendation.url);
  orchestrator.standFor(services.orchestrator.url);
  const scripted = { users, tasks, recommendation, orchestrator };
  return {
    ...gateway,
    scripted,
    async stop() {
      await gateway.stop();
      await Promise.all(Object.values(scripted).map((service) => service.stop()));
    },
  };
}
