import type { Caller } from "../context.ts";
import { GatewayError } from "../errors.ts";
import { TaskLifecycleStatus } from "../gen/platform/common/v1/common_pb.ts";
import type { Task } from "../gen/platform/tasks/v1/tasks_pb.ts";
import { Role } from "../gen/policy/v1/policy_pb.ts";

/** DATA_RULE_TASK_OWNER: the task's client, or ADMIN. Throws ACCESS_DENIED. */
export function demandTaskOwner(caller: Caller, task: Task): void {
  if (caller.role === Role.ADMIN || owns(caller, task)) return;
  throw new GatewayError("ACCESS_DENIED", "This is somebody else's task.");
}

/** DATA_RULE_TASK_READER: the owner, ADMIN, and a DEVELOPER while the task is OPEN or theirs. Throws ACCESS_DENIED. */
export function demandTaskReader(caller: Caller, task: Task): void {
  if (caller.role === Role.ADMIN || owns(caller, task)) return;
  const theirs = task.status === TaskLifecycleStatus.OPEN || isCaller(caller, task.assigneeId);
  if (caller.role === Role.DEVELOPER && theirs) return;
  throw new GatewayError("ACCESS_DENIED", "You may not see this task.");
}

/** The part of a list's filter that access decides. */
export interface TaskScope {
  readonly clientId: string;
  readonly assigneeId: string;
  readonly status: TaskLifecycleStatus;
}

/**
 * DATA_RULE_TASK_LIST: what a list must be narrowed to. A CLIENT gets its own tasks; a DEVELOPER every OPEN one, or
 * with another status those assigned to it; ADMIN what it asks for. Throws ACCESS_DENIED for another's tasks.
 */
export function taskScope(
  caller: Caller,
  clientId = "",
  status: TaskLifecycleStatus = TaskLifecycleStatus.UNSPECIFIED,
): TaskScope {
  switch (caller.role) {
    case Role.ADMIN:
      return { clientId, assigneeId: "", status };
    case Role.CLIENT:
      if (clientId !== "" && clientId !== caller.userId) {
        throw new GatewayError("ACCESS_DENIED", "You may list your own tasks only.");
      }
      return { clientId: caller.userId, assigneeId: "", status };
    case Role.DEVELOPER: {
      const open = status === TaskLifecycleStatus.UNSPECIFIED || status === TaskLifecycleStatus.OPEN;
      if (open) return { clientId, assigneeId: "", status: TaskLifecycleStatus.OPEN };
      return { clientId, assigneeId: caller.userId, status };
    }
    default:
      throw new GatewayError("ACCESS_DENIED", "You may not list tasks.");
  }
}

/** Whose proposals somebody sees. */
export interface ProposalScope {
  /** The developer; empty: every one. */
  readonly userId: string;
  /** Empty: all tasks. */
  readonly taskId: string;
}

/**
 * DATA_RULE_PROPOSAL_READER: what a list or a stream of proposals must be narrowed to. A DEVELOPER gets its own, whatever
 * the task; a CLIENT those for a task of its own, which it must name; ADMIN what it asks for. Throws ACCESS_DENIED.
 */
export async function proposalScope(
  caller: Caller,
  taskId: string,
  fetchTask: (taskId: string) => Promise<Task>,
): Promise<ProposalScope> {
  if (caller.role === Role.ADMIN) return { userId: "", taskId };
  if (caller.role === Role.DEVELOPER) return { userId: caller.userId, taskId };
  if (taskId === "") throw new GatewayError("ACCESS_DENIED", "Name a task of yours in task_id.");
  demandTaskOwner(caller, await fetchTask(taskId));
  return { userId: "", taskId };
}

function owns(caller: Caller, task: Task): boolean {
  return isCaller(caller, task.clientId);
}

/** An empty id is nobody's: a service that lost the owner's id must not make everybody the owner. */
function isCaller(caller: Caller, userId: string): boolean {
  return userId !== "" && userId === caller.userId;
}
