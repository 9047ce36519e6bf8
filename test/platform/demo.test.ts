import { expect, test } from "vitest";
import { TaskLifecycleStatus, UserType } from "#gen/platform/common/v1/common_pb.ts";
import { demoClients, demoDevelopers, demoPassword, demoTasks } from "#platform/demo/demo-data.ts";
import { openClients } from "./support/clients.ts";
import { startTestPlatform } from "./support/start-test-platform.ts";

test("the demo is the same on each start", async () => {
  const read = async () => {
    const { tasks, users } = openClients(await startTestPlatform({ seed: true }));
    return [await tasks.listTasks({}), await users.listOnlineDevelopers({})];
  };
  expect(await read()).toEqual(await read());
});

test("every demo account signs in with the demo password", async () => {
  const { users } = openClients(await startTestPlatform({ seed: true }));
  const signIn = async (id: string) => {
    const email = `${id}@demo.devmatch.example`;
    return (await users.authenticateUser({ email, password: demoPassword })).user!;
  };
  for (const { id } of demoClients) expect((await signIn(id)).userType).toBe(UserType.CLIENT);
  for (const { id } of demoDevelopers) {
    const { userType, userId } = await signIn(id);
    expect(userType).toBe(UserType.DEVELOPER);
    expect((await users.getDeveloperProfile({ userId })).profile!.email).toBe(`${id}@demo.devmatch.example`);
  }
});

test("every open demo task finds developers", async () => {
  const clients = openClients(await startTestPlatform({ seed: true }));
  const { tasks, totalCount } = await clients.tasks.listTasks({});
  expect(totalCount).toBe(demoTasks.length);
  for (const { taskId, status } of tasks) {
    if (status !== TaskLifecycleStatus.OPEN) continue;
    expect((await clients.orchestrator.startMatching({ taskId })).proposals, taskId).not.toEqual([]);
  }
});
