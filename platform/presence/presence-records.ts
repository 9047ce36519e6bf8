import type { DatabaseSync } from "node:sqlite";
import { transaction } from "../database/transaction.ts";

/** Where somebody was last. Field names and times are as the HTTP answers have them. */
export interface PresenceRecord {
  user_id: string;
  status: string;
  last_seen: string;
}

/** One change of status. */
export interface PresenceChange {
  status: string;
  changed_at: string;
  metadata: object;
}

/** What somebody reports. */
export interface PresenceReport {
  userId: string;
  status: string;
  metadata: object;
  now: number;
}

/** Changes that are kept for each user, the newest. */
export const keptChanges = 100;

/** The stored presence. */
export type PresenceRecords = ReturnType<typeof createPresenceRecords>;

/** Presence in a database. */
export function createPresenceRecords(db: DatabaseSync) {
  const upsert = db.prepare(`
    INSERT INTO presence_records VALUES (:userId, :status, :now)
    ON CONFLICT DO UPDATE SET status = excluded.status, last_seen = excluded.last_seen`);
  const byId = db.prepare("SELECT * FROM presence_records WHERE user_id = ?");
  const insertChange = db.prepare(`
    INSERT INTO presence_changes (user_id, status, changed_at, metadata) VALUES (:userId, :status, :now, :metadata)`);
  const dropOldChanges = db.prepare(`
    DELETE FROM presence_changes WHERE user_id = :userId AND seq NOT IN (
      SELECT seq FROM presence_changes WHERE user_id = :userId ORDER BY seq DESC LIMIT ${keptChanges})`);
  const online = db.prepare(`
    SELECT * FROM presence_records WHERE status <> 'OFFLINE' AND (:userType = 0 OR user_id IN (
      SELECT user_id FROM accounts WHERE user_type = :userType))
    ORDER BY last_seen DESC, user_id LIMIT :limit`);
  const changes = db.prepare(`
    SELECT * FROM presence_changes WHERE user_id = ? AND changed_at >= ? ORDER BY seq DESC`);
  return {
    /** Stores a report. Only a different status is a change; the same one again says that somebody is still there. */
    report({ userId, status, metadata, now }: PresenceReport): PresenceRecord {
      return transaction(db, () => {
        const before = byId.get(userId);
        upsert.run({ userId, status, now });
        if (before?.status !== status) {
          insertChange.run({ userId, status, now, metadata: JSON.stringify(metadata) });
          dropOldChanges.run({ userId });
        }
        return record(byId.get(userId)!);
      });
    },
    find(userId: string): PresenceRecord | undefined {
      const row = byId.get(userId);
      return row && record(row);
    },
    /** Everybody who is not OFFLINE, the last seen first; of one kind of account, unless `userType` is 0. */
    listOnline: (userType: number, limit: number) => online.all({ userType, limit }).map(record),
    /** A user's changes from a time on, the newest first. */
    listChanges(userId: string, since: number): PresenceChange[] {
      return changes.all(userId, since).map((row) => ({
        status: String(row.status),
        changed_at: isoTime(row.changed_at),
        metadata: JSON.parse(String(row.metadata)),
      }));
    },
  };
}

function record(row: Record<string, unknown>): PresenceRecord {
  return { user_id: String(row.user_id), status: String(row.status), last_seen: isoTime(row.last_seen) };
}

function isoTime(ms: unknown): string {
  return new Date(Number(ms)).toISOString();
}
