import { expect } from "vitest";
import { call, type Person, register } from "./gateway-under-test.ts";

let made = 0;

/** An address that nobody has had before, also where several files share a platform. */
export function newEmail(): string {
  made += 1;
  return `sample-${made}-${crypto.randomUUID().slice(0, 8)}@devmatch.example`;
}

export const PASSWORD = "Correct-horse-1";

/** Bodies that are accepted. Whoever needs another one says what is different. */
export const accountBody = () => ({
  email: newEmail(),
  password: PASSWORD,
  display_name: "Sam Ple",
  user_type: "CLIENT",
});

export const profileBody = () => ({
  display_name: "Dee Veloper",
  email: newEmail(),
  skill_tags: ["typescript", "grpc"],
  hourly_rate: 80,
});

export const taskBody = () => ({
  title: "Build a gateway",
  description: "REST in front, gRPC behind.",
  skill_tags: ["typescript", "grpc"],
  budget_lower_bound: 60,
  budget_upper_bound: 100,
  repository_url: "https://git.example/gateway",
});

/** A task's values as 17 and 18 take them. */
export const scoringBody = (taskId: string) => ({
  task_id: taskId,
  skill_tags: ["typescript", "grpc"],
  budget_lower_bound: 60,
  budget_upper_bound: 100,
  title: "Build a gateway",
  description: "REST in front, gRPC behind.",
});

/** RFC 3339 in UTC, as ProtoJSON writes it. */
export const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6}|\.\d{9})?Z$/);
export const ID = expect.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/);

export async function newTask(url: string, { token }: Person, changes: object = {}): Promise<string> {
  const { status, body } = await call(url, "POST /api/v1/tasks", { token, body: { ...taskBody(), ...changes } });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.task_id;
}

/** A developer with a profile, who is OFFLINE unless told. */
export async function newDeveloper(
  url: string,
  { presence, ...changes }: { readonly presence?: string; readonly [member: string]: unknown } = {},
): Promise<Person> {
  const person = await register(url, "DEVELOPER");
  const { token } = person;
  const created = await call(url, "POST /api/v1/users/developers", { token, body: { ...profileBody(), ...changes } });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  if (presence !== undefined) await setPresence(url, person, presence);
  return person;
}

export async function setPresence(url: string, { userId, token }: Person, presence: string): Promise<void> {
  const { status } = await call(url, `PUT /api/v1/users/developers/${userId}/presence`, { token, body: { presence } });
  expect(status).toBe(200);
}

/** A task of the client's, and the one developer who fits: online, with a skill that nobody else has. */
export async function newMatch(url: string, client: Person) {
  const skill = newSkill();
  const developer = await newDeveloper(url, { presence: "SEARCHING", skill_tags: [skill] });
  return { developer, taskId: await newTask(url, client, { skill_tags: [skill] }) };
}

/** The same, and the task is proposed to the developer, who has not answered yet. */
export async function newProposal(url: string, client: Person) {
  const { developer, taskId } = await newMatch(url, client);
  const { status, body } = await call(url, `POST /api/v1/matching/tasks/${taskId}/start`, { token: client.token });
  expect(status, JSON.stringify(body)).toBe(201);
  expect(body.proposals).toMatchObject([{ user_id: developer.userId }]);
  return { developer, taskId, proposalId: body.proposals[0].proposal_id as string };
}

/** A skill that no other test's developer has, so that lists of developers have only one's own. */
export function newSkill(): string {
  made += 1;
  return `skill-${made}-${crypto.randomUUID().slice(0, 8)}`;
}
