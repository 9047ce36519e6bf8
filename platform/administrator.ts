import { randomBytes } from "node:crypto";
import { UserType } from "#gen/platform/common/v1/common_pb.ts";
import { newId } from "./ids.ts";
import { StartError } from "./start-error.ts";
import type { Accounts } from "./users/accounts.ts";
import type { Passwords } from "./users/passwords.ts";

/** Who may do everything, and how to sign in as them. */
export interface Administrator {
  readonly email: string;
  readonly password: string;
  /** The password was made up here: whoever started the platform must be told. */
  readonly generated: boolean;
}

/** Fills in what was not chosen. */
export function chooseAdministrator(chosen: { email?: string; password?: string } = {}): Administrator {
  const { email = "admin@devmatch.example", password } = chosen;
  return { email, password: password ?? madeUpPassword(), generated: password === undefined };
}

/**
 * Makes the administrator an account. There is one, whatever was started before on the same database: the account is
 * kept, its address and password are replaced.
 */
export async function ensureAdministrator(
  { email, password }: Administrator,
  { accounts, passwords, now }: { accounts: Accounts; passwords: Passwords; now: number },
): Promise<void> {
  const passwordHash = await passwords.hash(password);
  const existing = accounts.findAdministrator();
  const done =
    existing === undefined
      ? accounts.add({
          userId: newId("usr"),
          email,
          displayName: "Administrator",
          userType: UserType.ADMIN,
          passwordHash,
          now,
        })
      : accounts.replaceAdministrator({ userId: existing.user_id, email, passwordHash, now });
  if (!done) throw new StartError("the administrator's e-mail address belongs to another account");
}

/** 144 random bits, and in front of them what password rules ask for. */
function madeUpPassword(): string {
  return `Adm1-${randomBytes(18).toString("base64url")}`;
}
