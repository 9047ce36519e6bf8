/** Counts up whenever the tables below change shape: a file of another version is refused, not guessed at. */
export const schemaVersion = 1;

/**
 * Every table of the platform. Lists are JSON arrays, times are milliseconds since 1970, enums are their numbers in
 * `platform/common/v1/common.proto`. `seq` is the order of insertion, which breaks ties between equal times.
 */
export const schema = `
CREATE TABLE accounts (
  user_id        TEXT PRIMARY KEY,
  email          TEXT NOT NULL,
  email_key      TEXT NOT NULL UNIQUE,  -- the address without regard to case
  display_name   TEXT NOT NULL,
  user_type      INTEGER NOT NULL,
  email_verified INTEGER NOT NULL DEFAULT 0,
  password_hash  TEXT NOT NULL,
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  last_login     INTEGER
) STRICT;

CREATE TABLE profiles (
  user_id      TEXT PRIMARY KEY,        -- not a reference: a token of another issuer has no account here
  display_name TEXT NOT NULL,
  email        TEXT NOT NULL,
  skill_tags   TEXT NOT NULL,
  hourly_rate  REAL NOT NULL,
  rating       REAL NOT NULL,
  presence     INTEGER NOT NULL,
  bio          TEXT NOT NULL,
  links        TEXT NOT NULL,
  updated_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE tasks (
  seq                INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id            TEXT NOT NULL UNIQUE,
  client_id          TEXT NOT NULL,
  title              TEXT NOT NULL,
  description        TEXT NOT NULL,
  skill_tags         TEXT NOT NULL,
  budget_lower_bound REAL NOT NULL,
  budget_upper_bound REAL NOT NULL,
  repository_url     TEXT NOT NULL,
  status             INTEGER NOT NULL,
  assignee_id        TEXT NOT NULL DEFAULT '',
  created_at         INTEGER NOT NULL,
  updated_at         INTEGER NOT NULL
) STRICT;

CREATE TABLE proposals (
  seq          INTEGER PRIMARY KEY AUTOINCREMENT,
  proposal_id  TEXT NOT NULL UNIQUE,
  task_id      TEXT NOT NULL,           -- not a reference: a proposal outlives its task, as EXPIRED
  task_title   TEXT NOT NULL,
  user_id      TEXT NOT NULL,
  score        REAL NOT NULL,
  strategy     TEXT NOT NULL,
  state        INTEGER NOT NULL,
  reason       TEXT NOT NULL DEFAULT '',
  proposed_at  INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  responded_at INTEGER
) STRICT;
-- A developer has at most one live (PROPOSED or DELIVERED) proposal for a task.
CREATE UNIQUE INDEX live_proposals ON proposals (task_id, user_id) WHERE state IN (1, 2);

CREATE TABLE proposal_events (
  event_id    INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id     TEXT NOT NULL,
  proposal    BLOB NOT NULL,            -- the encoded message as it was then, not as it is now
  occurred_at INTEGER NOT NULL
) STRICT;
CREATE INDEX proposal_events_of_user ON proposal_events (user_id, event_id);

CREATE TABLE embeddings (
  entity_type TEXT NOT NULL,
  entity_id   TEXT NOT NULL,
  vector      TEXT NOT NULL,
  updated_at  INTEGER NOT NULL,
  PRIMARY KEY (entity_type, entity_id)
) STRICT;

CREATE TABLE similarities (
  user_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  cosine  REAL NOT NULL,
  PRIMARY KEY (user_id, task_id)
) STRICT;

CREATE TABLE presence_records (
  user_id   TEXT PRIMARY KEY,
  status    TEXT NOT NULL,
  last_seen INTEGER NOT NULL
) STRICT;

CREATE TABLE presence_changes (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id    TEXT NOT NULL,
  status     TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  metadata   TEXT NOT NULL
) STRICT;
CREATE INDEX presence_changes_of_user ON presence_changes (user_id, seq);
`;
