import { DatabaseSync } from "node:sqlite";
import { skillKey } from "../skills.ts";
import { StartError } from "../start-error.ts";
import { schema, schemaVersion } from "./schema.ts";

/**
 * Opens the platform's one database: in memory without a file name, else that file, which is made when it is missing.
 * SQL sees `skill_key`, so that a query and a score agree about which skills are the same.
 */
export function openDatabase(file?: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file ?? ":memory:");
    // A file is written ahead of time in a log: a crash loses nothing that was answered for.
    db.exec("PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000;");
    applySchema(db, file);
  } catch (cause) {
    db?.close();
    if (cause instanceof StartError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(`the database file ${file} cannot be used: ${why}`, { cause });
  }
  db.function("skill_key", { deterministic: true }, (tag) => skillKey(String(tag)));
  return db;
}

function applySchema(db: DatabaseSync, file: string | undefined): void {
  const version = Number(db.prepare("PRAGMA user_version").get()?.user_version);
  if (version === schemaVersion) return;
  const tables = Number(db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n);
  if (tables > 0) {
    throw new StartError(`the database file ${file} is not one of this version of the platform; move it away`);
  }
  db.exec(`BEGIN; ${schema} PRAGMA user_version = ${schemaVersion}; COMMIT;`);
}
