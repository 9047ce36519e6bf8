import { UserPresenceStatus, UserType } from "#gen/platform/common/v1/common_pb.ts";
import type { Clients } from "./clients.ts";

/** A registration that nothing is wrong with. */
export const account = {
  email: "Ada@Example.org",
  password: "Correct-horse-1",
  displayName: "Ada",
  userType: UserType.DEVELOPER,
};

/** A profile that nothing is wrong with. */
export const profile = {
  displayName: "Ada",
  email: "ada@example.org",
  skillTags: ["TypeScript", "react"],
  hourlyRate: 80,
  userId: "usr_ada",
};

/** A task that nothing is wrong with. */
export const task = {
  clientId: "usr_nora",
  title: "Dashboard",
  description: "Charts",
  skillTags: ["typescript", "react"],
  budgetLowerBound: 50,
  budgetUpperBound: 100,
  repositoryUrl: "https://git.example.org/dashboard",
  priority: 2,
};

/** Makes a developer who can be asked. */
export async function addOnlineDeveloper(
  { users }: Clients,
  userId: string,
  { skillTags = ["typescript"], hourlyRate = 75 }: { skillTags?: string[]; hourlyRate?: number } = {},
): Promise<void> {
  await users.createDeveloperProfile({ ...profile, userId, skillTags, hourlyRate });
  await users.updatePresence({ userId, presence: UserPresenceStatus.IDLE });
}

/** Makes a task and answers its id. */
export async function addTask({ tasks }: Clients, change: Partial<typeof task> = {}): Promise<string> {
  return (await tasks.createTask({ ...task, ...change })).task!.taskId;
}
