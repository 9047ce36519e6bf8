import type { DatabaseSync } from "node:sqlite";
import { transaction } from "../database/transaction.ts";

/** Kinds of things that have a vector. */
export const entityTypes = ["task", "user"] as const;

/** One vector. */
export interface Embedding {
  entityType: string;
  entityId: string;
  vector: readonly number[];
  /** Milliseconds since 1970. */
  updatedAt: number;
}

/** The stored vectors, and how alike those of users and tasks are. */
export type Embeddings = ReturnType<typeof createEmbeddings>;

/** Embeddings in a database. */
export function createEmbeddings(db: DatabaseSync) {
  // An older vector that arrives late does not replace a newer one.
  const upsert = db.prepare(`
    INSERT INTO embeddings VALUES (:entityType, :entityId, :vector, :updatedAt)
    ON CONFLICT DO UPDATE SET vector = excluded.vector, updated_at = excluded.updated_at
    WHERE excluded.updated_at >= updated_at`);
  const forgetUser = db.prepare("DELETE FROM similarities WHERE :entityType = 'user' AND user_id = :entityId");
  const forgetTask = db.prepare("DELETE FROM similarities WHERE :entityType = 'task' AND task_id = :entityId");
  const vectorOf = db.prepare("SELECT vector FROM embeddings WHERE entity_type = 'user' AND entity_id = ?");
  const tasks = db.prepare("SELECT entity_id, vector FROM embeddings WHERE entity_type = 'task'");
  const known = db.prepare("SELECT 1 FROM similarities WHERE user_id = ? AND task_id = ?");
  const remember = db.prepare("INSERT OR REPLACE INTO similarities VALUES (?, ?, ?)");
  const counts = db.prepare(`
    SELECT (SELECT count(*) FROM embeddings) AS embeddings, (SELECT count(*) FROM similarities) AS similarities`);
  return {
    /** Stores a vector; what was computed from the one before is forgotten. */
    upsert({ entityType, entityId, vector, updatedAt }: Embedding): void {
      const entity = { entityType, entityId };
      transaction(db, () => {
        const { changes } = upsert.run({ ...entity, vector: JSON.stringify(vector), updatedAt });
        if (changes === 0) return;
        forgetUser.run(entity);
        forgetTask.run(entity);
      });
    },
    /** Compares a user's vector, if there is one, with those of all tasks that have as many dimensions. */
    precompute(userId: string, force: boolean): void {
      const row = vectorOf.get(userId);
      if (row === undefined) return;
      const own = vector(row.vector);
      transaction(db, () => {
        for (const task of tasks.all()) {
          const taskId = String(task.entity_id);
          const other = vector(task.vector);
          if (other.length !== own.length || (!force && known.get(userId, taskId) !== undefined)) continue;
          remember.run(userId, taskId, cosine(own, other));
        }
      });
    },
    /** How many are stored. */
    counts: () => counts.get() as { embeddings: number; similarities: number },
  };
}

/** The cosine of the angle between two vectors: 1 for the same direction, 0 for nothing in common or no direction. */
export function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = a.reduce((sum, value, index) => sum + value * b[index]!, 0);
  const lengths = Math.hypot(...a) * Math.hypot(...b);
  return lengths === 0 ? 0 : dot / lengths;
}

function vector(stored: unknown): number[] {
  return JSON.parse(String(stored));
}
