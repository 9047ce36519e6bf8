import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { UserPresenceStatus, UserType } from "#gen/platform/common/v1/common_pb.ts";
import { openClients } from "./support/clients.ts";
import { expectRefusal } from "./support/refusals.ts";
import { account, addOnlineDeveloper, profile } from "./support/samples.ts";
import { startTestPlatform, testAdmin } from "./support/start-test-platform.ts";
import { protocols } from "./support/transports.ts";

describe.each(protocols)("UserService, $name", (protocol) => {
  async function start() {
    const platform = await startTestPlatform();
    return openClients(platform, protocol);
  }

  test("CreateUser answers the account, and GetUser the same one", async () => {
    const { users } = await start();
    const { user } = await users.createUser(account);
    expect(user).toMatchObject({
      userId: expect.stringMatching(/^usr_[A-Za-z0-9]+$/),
      email: "Ada@Example.org",
      displayName: "Ada",
      userType: UserType.DEVELOPER,
      emailVerified: false,
    });
    expect(timestampMs(user!.createdAt!)).toBe(timestampMs(user!.updatedAt!));
    expect(user!.lastLogin).toBeUndefined();
    expect(await users.getUser({ userId: user!.userId })).toMatchObject({ user });
  });

  test.each([
    ["an address without a domain", { email: "ada" }, /email must be an e-mail address/],
    ["a short password", { password: "Short-1" }, /password must have 8 to 128/],
    ["a long password", { password: "x".repeat(129) }, /password must have 8 to 128/],
    ["a blank name", { displayName: "   " }, /display_name must not be blank/],
    ["a name of one character, however many code units", { displayName: "😀" }, /display_name must have 2 to 255/],
    ["no type", { userType: UserType.UNSPECIFIED }, /user_type must be given/],
    ["an unknown type", { userType: 77 as UserType }, /user_type must be given and known/],
  ])("CreateUser refuses %s", async (_what, change, message) => {
    const { users } = await start();
    await expectRefusal(users.createUser({ ...account, ...change }), Code.InvalidArgument, message);
  });

  test("CreateUser names everything that is wrong at once", async () => {
    const { users } = await start();
    await expectRefusal(users.createUser({}), Code.InvalidArgument, /email.*password.*display_name.*user_type/);
  });

  test("CreateUser refuses an administrator", async () => {
    const { users } = await start();
    const admin = { ...account, userType: UserType.ADMIN };
    await expectRefusal(users.createUser(admin), Code.PermissionDenied, /administrators/);
  });

  test("CreateUser refuses a known address in any case", async () => {
    const { users } = await start();
    await users.createUser(account);
    const again = { ...account, email: "aDA@example.ORG" };
    await expectRefusal(users.createUser(again), Code.AlreadyExists, /has an account/);
  });

  test("CreateUser lets one of many at once have an address", async () => {
    const { users } = await start();
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => users.createUser(account)));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("AuthenticateUser knows the password, whatever the address's case, and remembers the time", async () => {
    const { users } = await start();
    const { user } = await users.createUser(account);
    const answer = await users.authenticateUser({ email: "ADA@example.org", password: account.password });
    expect(answer.user).toMatchObject({ userId: user!.userId });
    expect(answer.user!.lastLogin).toBeDefined();
  });

  test("AuthenticateUser refuses a wrong password and an unknown address with the same words", async () => {
    const { users } = await start();
    await users.createUser(account);
    const words = "the e-mail address or the password is wrong";
    const wrong = { email: account.email, password: "Wrong-horse-1" };
    const unknown = { email: "nobody@example.org", password: account.password };
    await expectRefusal(users.authenticateUser(wrong), Code.Unauthenticated, words);
    await expectRefusal(users.authenticateUser(unknown), Code.Unauthenticated, words);
    await expectRefusal(users.authenticateUser({}), Code.Unauthenticated, words);
  });

  test("AuthenticateUser knows the administrator", async () => {
    const { users } = await start();
    expect((await users.authenticateUser(testAdmin)).user).toMatchObject({ userType: UserType.ADMIN });
  });

  test("GetUser refuses an unknown id, and what is none", async () => {
    const { users } = await start();
    await expectRefusal(users.getUser({ userId: "usr_x" }), Code.NotFound, "user usr_x does not exist");
    await expectRefusal(users.getUser({ userId: "a b" }), Code.InvalidArgument, "user_id is not an id");
    await expectRefusal(users.getUser({}), Code.InvalidArgument, "user_id is required");
  });

  test("CreateDeveloperProfile takes the caller's id, and the profile begins OFFLINE and not rated", async () => {
    const { users } = await start();
    const answer = await users.createDeveloperProfile(profile);
    expect(answer.profile).toMatchObject({ ...profile, rating: 0, presence: UserPresenceStatus.OFFLINE, bio: "" });
    expect(await users.getDeveloperProfile({ userId: "usr_ada" })).toMatchObject({ profile: answer.profile });
  });

  test("CreateDeveloperProfile makes an id where none is given", async () => {
    const { users } = await start();
    const first = await users.createDeveloperProfile({ ...profile, userId: "" });
    const second = await users.createDeveloperProfile({ ...profile, userId: "" });
    expect(first.profile!.userId).toMatch(/^usr_[A-Za-z0-9]+$/);
    expect(second.profile!.userId).not.toBe(first.profile!.userId);
  });

  test("CreateDeveloperProfile refuses a user's second profile", async () => {
    const { users } = await start();
    await users.createDeveloperProfile(profile);
    await expectRefusal(users.createDeveloperProfile(profile), Code.AlreadyExists, /usr_ada has a developer profile/);
  });

  test.each([
    ["a negative rate", { hourlyRate: -1 }, /hourly_rate must be a number that is not negative/],
    ["a rate that is no number", { hourlyRate: Number.NaN }, /hourly_rate/],
    ["no skills", { skillTags: [] }, /skill_tags must have 1 to 50 entries/],
    ["a blank skill", { skillTags: ["go", " "] }, /each of skill_tags must not be blank/],
    ["a long skill", { skillTags: ["x".repeat(65)] }, /each of skill_tags must have 1 to 64/],
    ["too many skills", { skillTags: Array(51).fill("go") }, /skill_tags must have 1 to 50 entries/],
    ["a bad address", { email: "ada@host" }, /email/],
    ["a bad id", { userId: "-ada" }, /user_id is not an id/],
  ])("CreateDeveloperProfile refuses %s", async (_what, change, message) => {
    const { users } = await start();
    await expectRefusal(users.createDeveloperProfile({ ...profile, ...change }), Code.InvalidArgument, message);
  });

  test("GetDeveloperProfile refuses a user without one", async () => {
    const { users } = await start();
    const { user } = await users.createUser(account);
    await expectRefusal(users.getDeveloperProfile({ userId: user!.userId }), Code.NotFound, /developer profile/);
  });

  test("UpdateDeveloperProfile replaces every field, also with nothing", async () => {
    const { users } = await start();
    await users.createDeveloperProfile(profile);
    const full = { userId: "usr_ada", skillTags: ["go"], hourlyRate: 90, bio: "Hi", links: ["https://ada.example"] };
    await users.updateDeveloperProfile(full);
    expect((await users.getDeveloperProfile({ userId: "usr_ada" })).profile).toMatchObject(full);
    await users.updateDeveloperProfile({ userId: "usr_ada", skillTags: ["go"] });
    const after = (await users.getDeveloperProfile({ userId: "usr_ada" })).profile;
    expect(after).toMatchObject({ hourlyRate: 0, bio: "", links: [], displayName: "Ada" });
  });

  test("UpdateDeveloperProfile refuses an unknown user and bad input", async () => {
    const { users } = await start();
    const change = { userId: "usr_x", skillTags: ["go"] };
    await expectRefusal(users.updateDeveloperProfile(change), Code.NotFound, /usr_x/);
    const bad = { ...change, hourlyRate: -1, bio: "x".repeat(10_001), links: [""] };
    await expectRefusal(users.updateDeveloperProfile(bad), Code.InvalidArgument, /hourly_rate.*bio.*links/);
  });

  test("UpdatePresence changes it, and refuses unknown users and no presence", async () => {
    const { users } = await start();
    await users.createDeveloperProfile(profile);
    await users.updatePresence({ userId: "usr_ada", presence: UserPresenceStatus.SEARCHING });
    const after = await users.getDeveloperProfile({ userId: "usr_ada" });
    expect(after.profile!.presence).toBe(UserPresenceStatus.SEARCHING);
    const idle = UserPresenceStatus.IDLE;
    await expectRefusal(users.updatePresence({ userId: "usr_x", presence: idle }), Code.NotFound, /usr_x/);
    await expectRefusal(users.updatePresence({ userId: "usr_ada" }), Code.InvalidArgument, /presence must be given/);
  });

  test("ListOnlineDevelopers lists who is IDLE or SEARCHING, has any of the skills, and fits the budget", async () => {
    const clients = await start();
    await addOnlineDeveloper(clients, "usr_b", { skillTags: ["TypeScript"], hourlyRate: 50 });
    await addOnlineDeveloper(clients, "usr_a", { skillTags: ["React", "css"], hourlyRate: 100 });
    await addOnlineDeveloper(clients, "usr_c", { skillTags: ["go"], hourlyRate: 150 });
    await clients.users.updatePresence({ userId: "usr_c", presence: UserPresenceStatus.SEARCHING });
    await clients.users.createDeveloperProfile({ ...profile, userId: "usr_away" });

    const list = async (query: object) =>
      (await clients.users.listOnlineDevelopers(query)).developers.map(({ userId }) => userId);
    expect(await list({})).toEqual(["usr_a", "usr_b", "usr_c"]);
    expect(await list({ skillTags: ["TYPESCRIPT", " react"] })).toEqual(["usr_a", "usr_b"]);
    expect(await list({ skillTags: ["cobol"] })).toEqual([]);
    expect(await list({ budgetLowerBound: 50, budgetUpperBound: 100 })).toEqual(["usr_a", "usr_b"]);
    expect(await list({ budgetLowerBound: 50.5 })).toEqual(["usr_a", "usr_c"]);
    expect(await list({ limit: 2 })).toEqual(["usr_a", "usr_b"]);
  });

  test("ListOnlineDevelopers refuses bounds the wrong way round and a limit over the maximum", async () => {
    const { users } = await start();
    const bounds = { budgetLowerBound: 2, budgetUpperBound: 1 };
    await expectRefusal(users.listOnlineDevelopers(bounds), Code.InvalidArgument, /must not be higher/);
    await expectRefusal(users.listOnlineDevelopers({ budgetLowerBound: -1 }), Code.InvalidArgument, /lower_bound/);
    await expectRefusal(users.listOnlineDevelopers({ limit: 1001 }), Code.InvalidArgument, /limit must be at most/);
  });
});

test("ListOnlineDevelopers has 50 unless told", async () => {
  const clients = openClients(await startTestPlatform());
  await Promise.all(Array.from({ length: 55 }, (_, index) => addOnlineDeveloper(clients, `usr_${index}`)));
  expect((await clients.users.listOnlineDevelopers({})).developers).toHaveLength(50);
  expect((await clients.users.listOnlineDevelopers({ limit: 100 })).developers).toHaveLength(55);
});
