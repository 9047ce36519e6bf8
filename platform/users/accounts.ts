import type { DatabaseSync } from "node:sqlite";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { UserType } from "#gen/platform/common/v1/common_pb.ts";
import type { UserSchema } from "#gen/platform/users/v1/users_pb.ts";

/** An account as it is stored. Its hash never leaves the User Service. */
export type AccountRow = {
  user_id: string;
  email: string;
  display_name: string;
  user_type: number;
  email_verified: number;
  password_hash: string;
  created_at: number;
  updated_at: number;
  last_login: number | null;
};

/** What a new account begins with. */
export interface NewAccount {
  userId: string;
  email: string;
  displayName: string;
  userType: UserType;
  passwordHash: string;
  now: number;
}

/** The stored accounts. */
export type Accounts = ReturnType<typeof createAccounts>;

/** Accounts in a database. Addresses are compared without regard to case. */
export function createAccounts(db: DatabaseSync) {
  const insert = db.prepare(`
    INSERT INTO accounts (user_id, email, email_key, display_name, user_type, password_hash, created_at, updated_at)
    VALUES (:userId, :email, :emailKey, :displayName, :userType, :passwordHash, :now, :now)
    ON CONFLICT DO NOTHING`);
  const byId = db.prepare("SELECT * FROM accounts WHERE user_id = ?");
  const byEmail = db.prepare("SELECT * FROM accounts WHERE email_key = ?");
  const byType = db.prepare("SELECT * FROM accounts WHERE user_type = ?");
  const login = db.prepare("UPDATE accounts SET last_login = ? WHERE user_id = ?");
  const replaceAdministrator = db.prepare(`
    UPDATE OR IGNORE accounts SET email = :email, email_key = :emailKey, password_hash = :passwordHash,
      updated_at = :now WHERE user_id = :userId`);
  return {
    /** False if the id or the address is taken. */
    add(account: NewAccount): boolean {
      return insert.run({ ...account, emailKey: emailKey(account.email) }).changes === 1;
    },
    find: (userId: string) => byId.get(userId) as AccountRow | undefined,
    findByEmail: (email: string) => byEmail.get(emailKey(email)) as AccountRow | undefined,
    findAdministrator: () => byType.get(UserType.ADMIN) as AccountRow | undefined,
    /** Gives the administrator another address and password; false if the address is somebody else's. */
    replaceAdministrator(change: Pick<NewAccount, "userId" | "email" | "passwordHash" | "now">): boolean {
      return replaceAdministrator.run({ ...change, emailKey: emailKey(change.email) }).changes === 1;
    },
    /** Remembers that somebody signed in. */
    loggedIn(userId: string, now: number): void {
      login.run(now, userId);
    },
  };
}

/** The public side of an account. */
export function userMessage(row: AccountRow): MessageInitShape<typeof UserSchema> {
  return {
    userId: row.user_id,
    email: row.email,
    displayName: row.display_name,
    userType: row.user_type as UserType,
    emailVerified: row.email_verified === 1,
    createdAt: timestampFromMs(row.created_at),
    updatedAt: timestampFromMs(row.updated_at),
    ...(row.last_login === null ? {} : { lastLogin: timestampFromMs(row.last_login) }),
  };
}

function emailKey(email: string): string {
  return email.toLowerCase();
}
