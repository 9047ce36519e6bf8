import type { DescService } from "@bufbuild/protobuf";
import { RecommendationService } from "../../gen/platform/matching/v1/matching_pb.ts";
import { OrchestratorService } from "../../gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { TaskService } from "../../gen/platform/tasks/v1/tasks_pb.ts";
import { UserService } from "../../gen/platform/users/v1/users_pb.ts";
import type { UpstreamService } from "../../upstream/services.ts";

/** What stands behind the bridge. An rpc that is added to one of these is passed on without a line of code. */
export const BRIDGED_SERVICES = {
  users: UserService,
  tasks: TaskService,
  recommendation: RecommendationService,
  orchestrator: OrchestratorService,
} as const satisfies Record<UpstreamService, DescService>;
