import type { DatabaseSync } from "node:sqlite";
import { UserType } from "#gen/platform/common/v1/common_pb.ts";
import { transaction } from "../database/transaction.ts";
import type { Stores } from "../stores.ts";
import type { Passwords } from "../users/passwords.ts";
import { demoBegin, demoClients, demoDevelopers, demoPassword, demoTasks } from "./demo-data.ts";

const hour = 3_600_000;

/** Puts the demo into the stores. What is there already, from an earlier start on the same file, stays as it is. */
export async function seedDemo(db: DatabaseSync, stores: Stores, passwords: Passwords): Promise<void> {
  // One hash for all: the password is public, and fifteen would take seconds.
  const passwordHash = await passwords.hash(demoPassword);
  transaction(db, () => {
    for (const { id, name } of demoClients) addAccount(stores, id, name, UserType.CLIENT, passwordHash);
    for (const developer of demoDevelopers) {
      addAccount(stores, developer.id, developer.name, UserType.DEVELOPER, passwordHash);
      addProfile(stores, developer);
    }
    demoTasks.forEach((task, index) => {
      addTask(stores, task, demoBegin + (index + 1) * hour);
    });
  });
}

/** The id of a demo account: `usr_demo_ada`. */
function userId(id: string): string {
  return `usr_demo_${id}`;
}

function email(id: string): string {
  return `${id}@demo.devmatch.example`;
}

function addAccount({ accounts }: Stores, id: string, name: string, userType: UserType, passwordHash: string): void {
  accounts.add({ userId: userId(id), email: email(id), displayName: name, userType, passwordHash, now: demoBegin });
}

function addProfile({ profiles }: Stores, developer: (typeof demoDevelopers)[number]): void {
  const { id, name, skills, rate, rating, presence } = developer;
  profiles.add({
    userId: userId(id),
    displayName: name,
    email: email(id),
    skillTags: skills,
    hourlyRate: rate,
    rating,
    presence,
    bio: `${name} works with ${skills.join(", ")}.`,
    links: [`https://demo.devmatch.example/${id}`],
    updatedAt: demoBegin,
  });
}

function addTask({ tasks }: Stores, task: (typeof demoTasks)[number], createdAt: number): void {
  const [budgetLowerBound = 0, budgetUpperBound = 0] = task.budget;
  tasks.add({
    taskId: `tsk_demo_${task.id}`,
    clientId: userId(task.client),
    title: task.title,
    description: `${task.title}, for ${task.skills.join(" and ")} people.`,
    skillTags: task.skills,
    budgetLowerBound,
    budgetUpperBound,
    repositoryUrl: "",
    status: task.status,
    assigneeId: task.assignee === "" ? "" : userId(task.assignee),
    createdAt,
    updatedAt: createdAt,
  });
}
