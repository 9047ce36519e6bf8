import type { ServiceImpl } from "@connectrpc/connect";
import { callerOf } from "../context.ts";
import { validationError } from "../errors.ts";
import type { TasksService } from "../gen/gateway/v1/tasks_pb.ts";
import { TaskLifecycleStatus } from "../gen/platform/common/v1/common_pb.ts";
import type { Task } from "../gen/platform/tasks/v1/tasks_pb.ts";
import type { Platform } from "../upstream/platform.ts";
import { type CallContext, fetchedNow } from "../upstream/upstream-client.ts";
import { demandTaskOwner, demandTaskReader, taskScope } from "./access.ts";
import { createMerge } from "./merge.ts";
import { demandAnswer, toPublicTask } from "./public-messages.ts";

const DEFAULT_LIMIT = 50;

/** Routes 12 to 16. */
export function createTasksService(platform: Platform): ServiceImpl<typeof TasksService> {
  return {
    async createTask(request, context) {
      const { task } = await platform.tasks.createTask(
        {
          clientId: callerOf(context).userId,
          title: request.title ?? "",
          description: request.description,
          skillTags: request.skillTags,
          budgetLowerBound: request.budgetLowerBound ?? 0,
          budgetUpperBound: request.budgetUpperBound ?? 0,
          repositoryUrl: request.repositoryUrl,
          priority: request.priority,
        },
        context,
      );
      return { task: toPublicTask(demandAnswer(task, "task")) };
    },

    async getTask({ taskId }, context) {
      const { task } = await platform.tasks.getTask({ taskId }, context);
      const found = demandAnswer(task, "task");
      demandTaskReader(callerOf(context), found);
      return { task: toPublicTask(found) };
    },

    async updateTask({ taskId, changes, updateMask }, context) {
      const task = await fetchTask(platform, taskId, context);
      demandTaskOwner(callerOf(context), task);
      const merge = createMerge(updateMask);
      const merged = {
        taskId,
        title: merge("title", changes?.title, "", task.title),
        description: merge("description", changes?.description, "", task.description),
        skillTags: merge("skill_tags", changes?.skillTags, [], task.skillTags),
        budgetLowerBound: merge("budget_lower_bound", changes?.budgetLowerBound, 0, task.budgetLowerBound),
        budgetUpperBound: merge("budget_upper_bound", changes?.budgetUpperBound, 0, task.budgetUpperBound),
        repositoryUrl: merge("repository_url", changes?.repositoryUrl, "", task.repositoryUrl),
        status: merge("status", changes?.status, TaskLifecycleStatus.UNSPECIFIED, task.status),
      };
      demandBudgetOrder(merged, updateMask?.paths ?? []);
      await platform.tasks.updateTask(merged, context);
      return { message: "Task updated successfully" };
    },

    async listTasks({ clientId, status, skillTags, limit, offset }, context) {
      const scope = taskScope(callerOf(context), clientId, status);
      const page = { skillTags, limit: limit ?? DEFAULT_LIMIT, offset };
      const { tasks, totalCount } = await platform.tasks.listTasks({ ...scope, ...page }, context);
      return { tasks: tasks.map(toPublicTask), totalCount };
    },

    async deleteTask({ taskId }, context) {
      demandTaskOwner(callerOf(context), await fetchTask(platform, taskId, context));
      await platform.tasks.deleteTask({ taskId }, context);
      return { message: "Task deleted successfully" };
    },
  };
}

/** The task as it is now, to decide on. Rejects with NOT_FOUND where there is none. */
export async function fetchTask(platform: Platform, taskId: string, context: CallContext): Promise<Task> {
  const { task } = await platform.tasks.getTask({ taskId }, fetchedNow(context));
  return demandAnswer(task, "task");
}

/**
 * The field rules compare the budgets that a request has; when it changes only one, the other is known here. A stored
 * pair that is wrong already is not this caller's mistake, as long as they leave it alone.
 */
function demandBudgetOrder(
  task: { budgetLowerBound: number; budgetUpperBound: number },
  changed: readonly string[],
): void {
  if (task.budgetLowerBound < task.budgetUpperBound) return;
  const field = changed.find((name) => name === "budget_lower_bound" || name === "budget_upper_bound");
  if (field === undefined) return;
  throw validationError([{ field, message: "would leave budget_lower_bound not less than budget_upper_bound" }]);
}
