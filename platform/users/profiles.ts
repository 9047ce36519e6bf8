import type { DatabaseSync } from "node:sqlite";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { UserPresenceStatus } from "#gen/platform/common/v1/common_pb.ts";
import type { DeveloperProfileSchema } from "#gen/platform/users/v1/users_pb.ts";

/** A developer. */
export interface Profile {
  userId: string;
  displayName: string;
  email: string;
  skillTags: string[];
  hourlyRate: number;
  /** 0 (none yet) to 5. */
  rating: number;
  presence: UserPresenceStatus;
  bio: string;
  links: string[];
  /** Milliseconds since 1970; presence counts as a change. */
  updatedAt: number;
}

/** Which online developers to list. */
export interface OnlineQuery {
  /** Any of them; none means all developers. */
  skillTags: readonly string[];
  budgetLowerBound: number;
  /** 0 means none. */
  budgetUpperBound: number;
  limit: number;
}

type ProfileRow = {
  user_id: string;
  display_name: string;
  email: string;
  skill_tags: string;
  hourly_rate: number;
  rating: number;
  presence: number;
  bio: string;
  links: string;
  updated_at: number;
};

/** The stored developer profiles. */
export type Profiles = ReturnType<typeof createProfiles>;

/** Developer profiles in a database. */
export function createProfiles(db: DatabaseSync) {
  const insert = db.prepare(`
    INSERT INTO profiles VALUES (:userId, :displayName, :email, :skillTags, :hourlyRate, :rating, :presence, :bio,
      :links, :updatedAt)
    ON CONFLICT DO NOTHING`);
  const byId = db.prepare("SELECT * FROM profiles WHERE user_id = ?");
  const update = db.prepare(`
    UPDATE profiles SET skill_tags = :skillTags, hourly_rate = :hourlyRate, bio = :bio, links = :links,
      updated_at = :updatedAt WHERE user_id = :userId`);
  const updatePresence = db.prepare("UPDATE profiles SET presence = ?, updated_at = ? WHERE user_id = ?");
  // The best rated first, so that a limit cuts off the others; then by id, so that it always cuts off the same.
  const online = db.prepare(`
    SELECT * FROM profiles
    WHERE presence IN (${UserPresenceStatus.IDLE}, ${UserPresenceStatus.SEARCHING})
      AND hourly_rate >= :budgetLowerBound
      AND (:budgetUpperBound = 0 OR hourly_rate <= :budgetUpperBound)
      AND (:skillTags = '[]' OR EXISTS (
        SELECT 1 FROM json_each(profiles.skill_tags) AS own, json_each(:skillTags) AS wanted
        WHERE skill_key(own.value) = skill_key(wanted.value)))
    ORDER BY rating DESC, user_id LIMIT :limit`);
  return {
    /** False if the user has a profile already. */
    add(profile: Profile): boolean {
      const { skillTags, links, ...plain } = profile;
      const lists = { skillTags: JSON.stringify(skillTags), links: JSON.stringify(links) };
      return insert.run({ ...plain, ...lists }).changes === 1;
    },
    find(userId: string): Profile | undefined {
      const row = byId.get(userId) as ProfileRow | undefined;
      return row && fromRow(row);
    },
    /** Replaces what a developer may change; false if there is no such profile. */
    update(change: Pick<Profile, "userId" | "skillTags" | "hourlyRate" | "bio" | "links" | "updatedAt">): boolean {
      const { skillTags, links, ...plain } = change;
      const lists = { skillTags: JSON.stringify(skillTags), links: JSON.stringify(links) };
      return update.run({ ...plain, ...lists }).changes === 1;
    },
    /** False if there is no such profile. */
    updatePresence(userId: string, presence: UserPresenceStatus, now: number): boolean {
      return updatePresence.run(presence, now, userId).changes === 1;
    },
    listOnline(query: OnlineQuery): Profile[] {
      const rows = online.all({ ...query, skillTags: JSON.stringify(query.skillTags) }) as ProfileRow[];
      return rows.map(fromRow);
    },
  };
}

/** Whether somebody with this presence can be asked now. */
export function isOnline(presence: UserPresenceStatus): boolean {
  return presence === UserPresenceStatus.IDLE || presence === UserPresenceStatus.SEARCHING;
}

/** A profile on the wire. */
export function profileMessage(profile: Profile): MessageInitShape<typeof DeveloperProfileSchema> {
  return { ...profile, updatedAt: timestampFromMs(profile.updatedAt) };
}

function fromRow(row: ProfileRow): Profile {
  return {
    userId: row.user_id,
    displayName: row.display_name,
    email: row.email,
    skillTags: JSON.parse(row.skill_tags),
    hourlyRate: row.hourly_rate,
    rating: row.rating,
    presence: row.presence as UserPresenceStatus,
    bio: row.bio,
    links: JSON.parse(row.links),
    updatedAt: row.updated_at,
  };
}
