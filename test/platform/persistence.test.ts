import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { ProposalState, UserType } from "#gen/platform/common/v1/common_pb.ts";
import { startPlatform } from "#platform/platform.ts";
import { openClients } from "./support/clients.ts";
import { expectRefusal } from "./support/refusals.ts";
import { account, addOnlineDeveloper, addTask } from "./support/samples.ts";
import { startTestPlatform, testAdmin, testOptions } from "./support/start-test-platform.ts";

/** A file name in a folder that is gone when the test has finished. */
function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "devmatch-platform-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "platform.db");
}

test("with a file, everything is there after a restart, and events go on counting", async () => {
  const databaseFile = temporaryFile();
  const first = await startTestPlatform({ databaseFile });
  const before = openClients(first);
  const { user } = await before.users.createUser(account);
  await addOnlineDeveloper(before, user!.userId);
  const taskId = await addTask(before);
  const { proposals } = await before.orchestrator.startMatching({ taskId });
  await first.stop();

  const after = openClients(await startTestPlatform({ databaseFile }));
  const credentials = { email: account.email, password: account.password };
  expect((await after.users.authenticateUser(credentials)).user!.userId).toBe(user!.userId);
  expect((await after.users.listOnlineDevelopers({})).developers).toHaveLength(1);
  expect((await after.tasks.getTask({ taskId })).task).toMatchObject({ taskId });
  const { proposalId, userId } = proposals[0]!;
  await after.orchestrator.respondToProposal({ proposalId, userId, accept: true });
  const states: number[] = [];
  for await (const { proposal, eventId } of after.orchestrator.watchProposals({})) {
    expect(eventId).toBe(String(states.length + 1));
    if (states.push(proposal!.state) === 2) break;
  }
  expect(states).toEqual([ProposalState.PROPOSED, ProposalState.ACCEPTED]);
});

test("without a file, nothing stays", async () => {
  const first = await startTestPlatform();
  const { user } = await openClients(first).users.createUser(account);
  await first.stop();
  const { users } = openClients(await startTestPlatform());
  await expectRefusal(users.getUser({ userId: user!.userId }), Code.NotFound, /usr_/);
});

test("there is one administrator, with the address and password of the last start", async () => {
  const databaseFile = temporaryFile();
  await (await startTestPlatform({ databaseFile })).stop();
  const other = { email: "boss@test.example", password: "Another-horse-1" };
  const { users } = openClients(await startTestPlatform({ databaseFile, admin: other }));
  expect((await users.authenticateUser(other)).user!.userType).toBe(UserType.ADMIN);
  await expectRefusal(users.authenticateUser(testAdmin), Code.Unauthenticated, /wrong/);
});

test("the administrator's address must not be somebody else's", async () => {
  const databaseFile = temporaryFile();
  const first = await startTestPlatform({ databaseFile });
  await openClients(first).users.createUser(account);
  await first.stop();
  const admin = { email: account.email, password: "Another-horse-1" };
  await expect(startPlatform({ ...testOptions(), databaseFile, admin })).rejects.toThrow(/belongs to another account/);
});

test.each([
  ["of another version", (file: string) => new DatabaseSync(file).exec("PRAGMA user_version = 99; CREATE TABLE t (a)")],
  ["that is no database", (file: string) => writeFileSync(file, "x".repeat(4096))],
])("a file %s is refused in one line", async (_what, make) => {
  const databaseFile = temporaryFile();
  make(databaseFile);
  const start = startPlatform({ ...testOptions(), databaseFile });
  await expect(start).rejects.toThrow(/^the database file \S+ .+$/);
});

test("a file that cannot be made is refused in one line", async () => {
  const databaseFile = join(temporaryFile(), "no", "such", "folder.db");
  await expect(startPlatform({ ...testOptions(), databaseFile })).rejects.toThrow(
    /^the database file .+ cannot be used/,
  );
});
