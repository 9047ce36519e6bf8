import type { ServiceImpl } from "@connectrpc/connect";
import { TaskLifecycleStatus, TaskLifecycleStatusSchema } from "#gen/platform/common/v1/common_pb.ts";
import type { CreateTaskRequest, TaskService, UpdateTaskRequest } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { newId } from "../ids.ts";
import { limitWithin, pageLimit } from "../rpc/paging.ts";
import { failedPrecondition, notFound } from "../rpc/refusals.ts";
import {
  anySkillTags,
  atMost,
  budget,
  identifier,
  known,
  knownOrUnspecified,
  optionalIdentifier,
  requireValid,
  skillTags,
  text,
  type Violation,
  webAddressOrEmpty,
} from "../rpc/rules.ts";
import { type Task, type Tasks, taskMessage } from "./tasks.ts";

const listLimits = { default: 50, max: 1000 };
const finalStatuses: readonly TaskLifecycleStatus[] = [TaskLifecycleStatus.COMPLETED, TaskLifecycleStatus.CANCELLED];

/** What the Task Service works with. */
export interface TaskServiceParts {
  tasks: Tasks;
  now: () => number;
}

/** The Task Service. A request's `priority` is accepted and not kept: no message has it to give back. */
export function createTaskService({ tasks, now }: TaskServiceParts): ServiceImpl<typeof TaskService> {
  return {
    createTask(request) {
      requireValid(identifier("client_id", request.clientId), ...contentRules(request));
      const time = now();
      const task: Task = {
        taskId: newId("tsk"),
        clientId: request.clientId,
        ...contentOf(request),
        status: TaskLifecycleStatus.OPEN,
        assigneeId: "",
        createdAt: time,
        updatedAt: time,
      };
      tasks.add(task);
      return { task: taskMessage(task) };
    },

    getTask({ taskId }) {
      return { task: taskMessage(existing(taskId)) };
    },

    updateTask(request) {
      const { taskId, status } = request;
      requireValid(...contentRules(request), known("status", TaskLifecycleStatusSchema, status));
      const task = existing(taskId);
      if (status !== task.status && finalStatuses.includes(task.status)) {
        const name = TaskLifecycleStatusSchema.value[task.status]?.localName;
        throw failedPrecondition(`task ${taskId} is ${name}, and that does not change again`);
      }
      // A task that is open again is nobody's.
      const assigneeId = status === TaskLifecycleStatus.OPEN ? "" : task.assigneeId;
      tasks.update({ taskId, ...contentOf(request), status, assigneeId, updatedAt: now() });
      return {};
    },

    deleteTask({ taskId }) {
      requireValid(identifier("task_id", taskId));
      if (!tasks.remove(taskId)) throw notFound("task", taskId);
      return {};
    },

    listTasks({ clientId, assigneeId, status, limit, offset, ...request }) {
      requireValid(
        optionalIdentifier("client_id", clientId),
        optionalIdentifier("assignee_id", assigneeId),
        knownOrUnspecified("status", TaskLifecycleStatusSchema, status),
        anySkillTags("skill_tags", request.skillTags),
        limitWithin(limit, listLimits),
      );
      const query = { clientId, assigneeId, status, skillTags: request.skillTags, offset };
      const { tasks: page, total } = tasks.list({ ...query, limit: pageLimit(limit, listLimits) });
      return { tasks: page.map(taskMessage), totalCount: total };
    },
  };

  function existing(taskId: string): Task {
    requireValid(identifier("task_id", taskId));
    const task = tasks.find(taskId);
    if (task === undefined) throw notFound("task", taskId);
    return task;
  }
}

/** What a client decides about a task, when it makes it and when it changes it. */
type Content = CreateTaskRequest | UpdateTaskRequest;

function contentRules(request: Content): Violation[] {
  return [
    text("title", request.title, { max: 200 }),
    atMost("description", request.description, 100_000),
    skillTags("skill_tags", request.skillTags),
    budget(request.budgetLowerBound, request.budgetUpperBound),
    webAddressOrEmpty("repository_url", request.repositoryUrl),
  ];
}

function contentOf(request: Content) {
  const { title, description, skillTags, budgetLowerBound, budgetUpperBound, repositoryUrl } = request;
  return { title, description, skillTags, budgetLowerBound, budgetUpperBound, repositoryUrl };
}
