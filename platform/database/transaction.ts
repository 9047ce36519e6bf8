import type { DatabaseSync } from "node:sqlite";

/**
 * Runs `work` so that all of it happens or, if it throws, nothing. The work is synchronous, and so is SQLite here:
 * no other request can come in between.
 */
export function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}
