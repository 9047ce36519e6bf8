import type { DatabaseSync } from "node:sqlite";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { TaskLifecycleStatus } from "#gen/platform/common/v1/common_pb.ts";
import type { TaskSchema } from "#gen/platform/tasks/v1/tasks_pb.ts";

/** A piece of work with a budget. */
export interface Task {
  taskId: string;
  clientId: string;
  title: string;
  description: string;
  skillTags: string[];
  budgetLowerBound: number;
  budgetUpperBound: number;
  repositoryUrl: string;
  status: TaskLifecycleStatus;
  /** Empty while nobody works on it. */
  assigneeId: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  updatedAt: number;
}

/** Which tasks to list; a filter at its default does not narrow. */
export interface TaskQuery {
  clientId: string;
  assigneeId: string;
  status: TaskLifecycleStatus;
  /** Any of them. */
  skillTags: readonly string[];
  limit: number;
  offset: number;
}

/** What an update replaces. */
export type TaskChange = Omit<Task, "clientId" | "createdAt">;

type TaskRow = {
  task_id: string;
  client_id: string;
  title: string;
  description: string;
  skill_tags: string;
  budget_lower_bound: number;
  budget_upper_bound: number;
  repository_url: string;
  status: number;
  assignee_id: string;
  created_at: number;
  updated_at: number;
};

/** The stored tasks. */
export type Tasks = ReturnType<typeof createTasks>;

/** Tasks in a database. */
export function createTasks(db: DatabaseSync) {
  const insert = db.prepare(`
    INSERT INTO tasks (task_id, client_id, title, description, skill_tags, budget_lower_bound, budget_upper_bound,
      repository_url, status, assignee_id, created_at, updated_at)
    VALUES (:taskId, :clientId, :title, :description, :skillTags, :budgetLowerBound, :budgetUpperBound,
      :repositoryUrl, :status, :assigneeId, :createdAt, :updatedAt)
    ON CONFLICT DO NOTHING`);
  const byId = db.prepare("SELECT * FROM tasks WHERE task_id = ?");
  const update = db.prepare(`
    UPDATE tasks SET title = :title, description = :description, skill_tags = :skillTags,
      budget_lower_bound = :budgetLowerBound, budget_upper_bound = :budgetUpperBound,
      repository_url = :repositoryUrl, status = :status, assignee_id = :assigneeId, updated_at = :updatedAt
    WHERE task_id = :taskId`);
  const remove = db.prepare("DELETE FROM tasks WHERE task_id = ?");
  const assign = db.prepare(`
    UPDATE tasks SET status = ${TaskLifecycleStatus.ASSIGNED}, assignee_id = ?, updated_at = ? WHERE task_id = ?`);
  const matching = `
    FROM tasks WHERE (:clientId = '' OR client_id = :clientId)
      AND (:assigneeId = '' OR assignee_id = :assigneeId)
      AND (:status = 0 OR status = :status)
      AND (:skillTags = '[]' OR EXISTS (
        SELECT 1 FROM json_each(tasks.skill_tags) AS own, json_each(:skillTags) AS wanted
        WHERE skill_key(own.value) = skill_key(wanted.value)))`;
  const count = db.prepare(`SELECT count(*) AS total ${matching}`);
  const page = db.prepare(`SELECT * ${matching} ORDER BY created_at DESC, seq DESC LIMIT :limit OFFSET :offset`);
  return {
    /** False if the id is taken. */
    add(task: Task): boolean {
      return insert.run({ ...task, skillTags: JSON.stringify(task.skillTags) }).changes === 1;
    },
    find(taskId: string): Task | undefined {
      const row = byId.get(taskId) as TaskRow | undefined;
      return row && fromRow(row);
    },
    update(change: TaskChange): void {
      update.run({ ...change, skillTags: JSON.stringify(change.skillTags) });
    },
    /** Gives the task to a developer. */
    assign(taskId: string, assigneeId: string, now: number): void {
      assign.run(assigneeId, now, taskId);
    },
    /** False if there is no such task. */
    remove: (taskId: string) => remove.run(taskId).changes === 1,
    /** One page, the newest first, and how many tasks all pages have. */
    list({ limit, offset, ...query }: TaskQuery): { tasks: Task[]; total: number } {
      const filters = { ...query, skillTags: JSON.stringify(query.skillTags) };
      const rows = page.all({ ...filters, limit, offset }) as TaskRow[];
      return { tasks: rows.map(fromRow), total: Number(count.get(filters)?.total) };
    },
  };
}

/** A task on the wire. */
export function taskMessage(task: Task): MessageInitShape<typeof TaskSchema> {
  return { ...task, createdAt: timestampFromMs(task.createdAt), updatedAt: timestampFromMs(task.updatedAt) };
}

function fromRow(row: TaskRow): Task {
  return {
    taskId: row.task_id,
    clientId: row.client_id,
    title: row.title,
    description: row.description,
    skillTags: JSON.parse(row.skill_tags),
    budgetLowerBound: row.budget_lower_bound,
    budgetUpperBound: row.budget_upper_bound,
    repositoryUrl: row.repository_url,
    status: row.status as TaskLifecycleStatus,
    assigneeId: row.assignee_id,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
