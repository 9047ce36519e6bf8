import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, call, type Person, register, signInAdmin } from "../support/gateway-under-test.ts";
import { pageLinks } from "../support/page-links.ts";
import { ACCESS_DENIED, expectRefusal, invalid, NOT_FOUND, type Refusal } from "../support/problems.ts";
import { ID, newDeveloper, newMatch, newProposal, newSkill, newTask, TIME } from "../support/samples.ts";
import type { Target } from "./suite-target.ts";

const PROPOSALS = "/api/v1/matching/proposals";
const FAILED_PRECONDITION: Refusal = { status: 400, code: "FAILED_PRECONDITION" };

/** Routes 21 to 24: what becomes of a task that is proposed. Route 25 has a suite of its own. */
export function proposalsSuite(target: Target): void {
  const url = () => target().url;
  let owner: Person;
  let stranger: Person;
  beforeAll(async () => {
    owner = await register(url(), "CLIENT");
    stranger = await newDeveloper(url());
  });

  const must = async (request: string, { token }: Person, body?: object): Promise<Answer> => {
    const answer = await call(url(), request, { token, body });
    expect(answer.status, `${request}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
    return answer;
  };
  const start = async (taskId: string, body?: object) =>
    (await must(`POST /api/v1/matching/tasks/${taskId}/start`, owner, body)).body.proposals;
  const list = (person: Person, query = "") => must(`GET ${PROPOSALS}${query}`, person);
  const answer = async (proposalId: string, how: "accept" | "reject", person: Person, body?: object) =>
    (await must(`POST ${PROPOSALS}/${proposalId}/${how}`, person, body)).body;
  const refuse = (proposalId: string, how: "accept" | "reject", { token }: Person, refusal: Refusal) =>
    expectRefusal(url(), `POST ${PROPOSALS}/${proposalId}/${how}`, { token }, refusal);
  const readTask = async (taskId: string, person: Person) => (await must(`GET /api/v1/tasks/${taskId}`, person)).body;
  const stateOf = async (taskId: string, person: Person) =>
    (await list(person, `?task_id=${taskId}`)).body.map(({ state }: { state: string }) => state);
  const usersOf = (proposals: { user_id: string }[]) => proposals.map(({ user_id }) => user_id);
  const idsOf = ({ body }: Answer): string[] => body.map(({ proposal_id }: { proposal_id: string }) => proposal_id);
  const crowd = (skill: string, size: number) =>
    Promise.all(Array.from({ length: size }, () => newDeveloper(url(), { presence: "IDLE", skill_tags: [skill] })));

  /** A proposal that nobody has answered, of a task whose budget has 80 in its middle, to somebody who takes 80. */
  const unanswered = {
    proposal_id: ID,
    score: expect.closeTo(0.8),
    strategy: "balanced",
    state: "PROPOSED",
    proposed_at: TIME,
    expires_at: TIME,
    reason: "",
    task_title: "Build a gateway",
  };

  describe("POST /api/v1/matching/tasks/{task_id}/start", () => {
    test("proposes the task to the online developers who fit, the best first", async () => {
      const skill = newSkill();
      const taskId = await newTask(url(), owner, { skill_tags: [skill] });
      const good = await newDeveloper(url(), { presence: "IDLE", skill_tags: [skill], hourly_rate: 60 });
      const best = await newDeveloper(url(), { presence: "SEARCHING", skill_tags: [skill] });
      await newDeveloper(url(), { skill_tags: [skill] });
      await newDeveloper(url(), { presence: "IDLE", skill_tags: [skill], hourly_rate: 160 });
      await newDeveloper(url(), { presence: "IDLE" });

      const { status, headers, body } = await must(`POST /api/v1/matching/tasks/${taskId}/start`, owner);
      expect(status).toBe(201);
      expect(headers.get("content-type")).toMatch(/^application\/json/);
      expect(body).toEqual({
        proposals: [
          { ...unanswered, task_id: taskId, user_id: best.userId },
          { ...unanswered, task_id: taskId, user_id: good.userId, score: expect.closeTo(0.725) },
        ],
      });
      const [{ proposed_at, expires_at }] = body.proposals;
      expect(Date.parse(expires_at)).toBeGreaterThan(Date.parse(proposed_at));
      expect(await readTask(taskId, owner), "it is nobody's until somebody accepts").toMatchObject({
        status: "OPEN",
        assignee_id: "",
      });
    });

    test("asks 10 by the balanced strategy unless told, and 50 at most", async () => {
      const skill = newSkill();
      await crowd(skill, 11);
      const [byDefault, told] = [await newTask(url(), owner, { skill_tags: [skill] }), await newTask(url(), owner)];
      const proposals = await start(byDefault);
      expect(proposals).toHaveLength(10);
      expect(new Set(usersOf(proposals)).size).toBe(10);
      await must(`PUT /api/v1/tasks/${told}`, owner, { skill_tags: [skill] });
      const three = await start(told, { limit: 3, strategy: "greedy" });
      expect(three.map(({ strategy }: { strategy: string }) => strategy)).toEqual(["greedy", "greedy", "greedy"]);
      const nulls = await newTask(url(), owner, { skill_tags: [skill] });
      expect(await start(nulls, { limit: null, strategy: null }), "null is the same as nothing").toHaveLength(10);
      expect(await start(nulls, { limit: 50 }), "the one who was left").toHaveLength(1);
    });

    test("asks nobody twice", async () => {
      const skill = newSkill();
      const people = await crowd(skill, 3);
      const taskId = await newTask(url(), owner, { skill_tags: [skill] });
      const first = await start(taskId, { limit: 1 });
      const second = await start(taskId);
      expect([first.length, second.length]).toEqual([1, 2]);
      expect(usersOf([...first, ...second]).toSorted()).toEqual(people.map(({ userId }) => userId).toSorted());
      expect(await start(taskId)).toEqual([]);
      expect((await list(owner, `?task_id=${taskId}`)).body).toHaveLength(3);
    });

    test("answers an empty list where nobody is online", async () => {
      const skill = newSkill();
      await newDeveloper(url(), { skill_tags: [skill] });
      expect(await start(await newTask(url(), owner, { skill_tags: [skill] }))).toEqual([]);
    });

    test.each(["ASSIGNED", "PAUSED", "COMPLETED", "CANCELLED"])("refuses a task that is %s", async (status) => {
      const { taskId, developer } = await newMatch(url(), owner);
      await must(`PUT /api/v1/tasks/${taskId}`, owner, { status });
      const request = `POST /api/v1/matching/tasks/${taskId}/start`;
      await expectRefusal(url(), request, { token: owner.token }, FAILED_PRECONDITION);
      expect((await list(developer)).body).toEqual([]);
    });

    test("is 404 for a task that does not exist, and 403 for another client's", async () => {
      const none = "POST /api/v1/matching/tasks/tsk_nobody/start";
      await expectRefusal(url(), none, { token: owner.token }, NOT_FOUND);
      const { taskId, developer } = await newMatch(url(), owner);
      const { token } = await register(url(), "CLIENT");
      await expectRefusal(url(), `POST /api/v1/matching/tasks/${taskId}/start`, { token }, ACCESS_DENIED);
      expect((await list(developer)).body, "and nobody was asked").toEqual([]);
    });
  });

  describe("GET /api/v1/matching/proposals", () => {
    /** By what has become of each: the developer's, the oldest first. */
    const ids: Record<string, string> = {};
    const tasks: Record<string, string> = {};
    let developer: Person;
    beforeAll(async () => {
      const skill = newSkill();
      developer = await newDeveloper(url(), { presence: "IDLE", skill_tags: [skill] });
      for (const name of ["accepted", "rejected", "expired", "first", "last"]) {
        tasks[name] = await newTask(url(), owner, { skill_tags: [skill], title: `Task ${name}` });
        const [proposal] = await start(tasks[name]);
        ids[name] = proposal.proposal_id;
      }
      await answer(ids.accepted!, "accept", developer);
      await answer(ids.rejected!, "reject", developer, { reason: "No." });
      await must(`PUT /api/v1/tasks/${tasks.expired}`, owner, { status: "CANCELLED" });
    });
    const namesOf = (page: Answer) => idsOf(page).map((id) => Object.keys(ids).find((name) => ids[name] === id));

    test("answers an array of whole proposals, the newest first", async () => {
      const page = await list(developer);
      expect(namesOf(page)).toEqual(["last", "first", "expired", "rejected", "accepted"]);
      const mine = { ...unanswered, user_id: developer.userId };
      expect(page.body).toEqual([
        { ...mine, task_id: tasks.last, task_title: "Task last" },
        { ...mine, task_id: tasks.first, task_title: "Task first" },
        { ...mine, task_id: tasks.expired, task_title: "Task expired", state: "EXPIRED" },
        {
          ...mine,
          task_id: tasks.rejected,
          task_title: "Task rejected",
          state: "REJECTED",
          reason: "No.",
          responded_at: TIME,
        },
        { ...mine, task_id: tasks.accepted, task_title: "Task accepted", state: "ACCEPTED", responded_at: TIME },
      ]);
    });

    test("answers an empty array to somebody whom nobody has asked", async () => {
      const { headers, body } = await list(stranger);
      expect(body).toEqual([]);
      expect(headers.get("x-total-count")).toBe("0");
    });

    const spellings: readonly (readonly [state: string, names: readonly string[]])[] = [
      ["PROPOSED", ["last", "first"]],
      ["proposed", ["last", "first"]],
      ["Accepted", ["accepted"]],
      ["rEjEcTeD", ["rejected"]],
      ["PROPOSAL_STATE_EXPIRED", ["expired"]],
      ["proposal_state_expired", ["expired"]],
      ["1", ["last", "first"]],
      ["3", ["accepted"]],
      ["DELIVERED", []],
    ];
    test.each(spellings)("with the state %s has %j", async (state, names) => {
      expect(namesOf(await list(developer, `?state=${state}`))).toEqual(names);
    });

    test.each(["UNSPECIFIED", "unspecified", "PROPOSAL_STATE_UNSPECIFIED", "0", "6", "OPEN", ""])(
      "refuses the state %j",
      async (state) => {
        const request = `GET ${PROPOSALS}?state=${state}`;
        await expectRefusal(url(), request, { token: developer.token }, invalid("state"));
      },
    );

    test("may be narrowed to a task, and to a state of it", async () => {
      expect(namesOf(await list(developer, `?task_id=${tasks.first}`))).toEqual(["first"]);
      expect(namesOf(await list(developer, `?task_id=${tasks.first}&state=PROPOSED`))).toEqual(["first"]);
      expect(namesOf(await list(developer, `?taskId=${tasks.first}&state=ACCEPTED`))).toEqual([]);
      expect(namesOf(await list(developer, "?task_id=tsk_nobody")), "one that does not exist").toEqual([]);
    });

    test("has everybody's for the task's owner and ADMIN, and each developer's own for them", async () => {
      const skill = newSkill();
      const [one, two] = await crowd(skill, 2);
      const taskId = await newTask(url(), owner, { skill_tags: [skill] });
      await start(taskId);
      const listed = async (person: Person) => usersOf((await list(person, `?task_id=${taskId}`)).body).toSorted();
      const both = [one!.userId, two!.userId].toSorted();
      expect(await listed(owner)).toEqual(both);
      expect(await listed(await signInAdmin(url()))).toEqual(both);
      expect(await listed(one!)).toEqual([one!.userId]);
      expect(await listed(two!)).toEqual([two!.userId]);
      expect(await listed(stranger)).toEqual([]);
      const { token } = await register(url(), "CLIENT");
      await expectRefusal(url(), `GET ${PROPOSALS}?task_id=${taskId}`, { token }, ACCESS_DENIED);
      await expectRefusal(url(), `GET ${PROPOSALS}`, { token: owner.token }, ACCESS_DENIED, "no task is named");
    });

    test("comes in pages that say how many there are, and link to each other", async () => {
      const { headers, body } = await list(developer, "?state=proposed&limit=1");
      expect(body).toMatchObject([{ proposal_id: ids.last }]);
      expect(headers.get("x-total-count"), "in all pages").toBe("2");
      const links = pageLinks(headers, PROPOSALS);
      expect(links).toEqual({
        first: "?state=proposed&limit=1&offset=0",
        next: "?state=proposed&limit=1&offset=1",
        last: "?state=proposed&limit=1&offset=1",
      });
      const following = await list(developer, links.next);
      expect(namesOf(following)).toEqual(["first"]);
      expect(Object.keys(pageLinks(following.headers, PROPOSALS))).toEqual(["first", "prev", "last"]);
      const beyond = await list(developer, "?offset=9");
      expect([beyond.body, beyond.headers.get("x-total-count")]).toEqual([[], "5"]);
    });

    test("answers 50 unless told, and at most 100", async () => {
      const skill = newSkill();
      const busy = await newDeveloper(url(), { presence: "IDLE", skill_tags: [skill] });
      const made = Array.from({ length: 51 }, async () => start(await newTask(url(), owner, { skill_tags: [skill] })));
      await Promise.all(made);
      const byDefault = await list(busy);
      expect([byDefault.body.length, byDefault.headers.get("x-total-count")]).toEqual([50, "51"]);
      expect(pageLinks(byDefault.headers, PROPOSALS)).toMatchObject({ next: "?limit=50&offset=50" });
      expect((await list(busy, "?limit=100")).body).toHaveLength(51);
      const tooMany = `GET ${PROPOSALS}?limit=101`;
      await expectRefusal(url(), tooMany, { token: busy.token }, invalid("limit"));
    });
  });

  describe("POST /api/v1/matching/proposals/{proposal_id}/accept", () => {
    test("assigns the task to the developer, who may read it from now on, and the others' proposals expire", async () => {
      const skill = newSkill();
      const people = await crowd(skill, 2);
      const taskId = await newTask(url(), owner, { skill_tags: [skill] });
      const proposals = await start(taskId);
      const [one, two] = proposals.map(({ user_id }: { user_id: string }) =>
        people.find(({ userId }) => userId === user_id),
      );
      // What has been read of it is kept by now, and must not be what is answered afterwards.
      for (const person of [owner, one, two, stranger]) expect((await readTask(taskId, person)).status).toBe("OPEN");

      const accepted = await answer(proposals[0].proposal_id, "accept", one, {});
      expect(accepted).toEqual({ ...proposals[0], state: "ACCEPTED", responded_at: TIME });
      const assigned = { status: "ASSIGNED", assignee_id: one.userId };
      expect(await readTask(taskId, owner)).toMatchObject(assigned);
      expect(await readTask(taskId, one)).toMatchObject(assigned);
      for (const { token } of [two, stranger]) {
        await expectRefusal(url(), `GET /api/v1/tasks/${taskId}`, { token }, ACCESS_DENIED);
      }
      expect((await list(one)).body, "and this is what is stored").toEqual([accepted]);
      expect(await stateOf(taskId, two)).toEqual(["EXPIRED"]);
      expect((await stateOf(taskId, owner)).toSorted()).toEqual(["ACCEPTED", "EXPIRED"]);
      await refuse(proposals[1].proposal_id, "accept", two, FAILED_PRECONDITION);
      const again = `POST /api/v1/matching/tasks/${taskId}/start`;
      await expectRefusal(url(), again, { token: owner.token }, FAILED_PRECONDITION, "it is not open any more");
    });

    test("takes no reason", async () => {
      const { proposalId, developer } = await newProposal(url(), owner);
      const options = { token: developer.token, body: { reason: "Gladly" } };
      await expectRefusal(url(), `POST ${PROPOSALS}/${proposalId}/accept`, options, invalid("reason"));
      expect((await list(developer)).body).toMatchObject([{ state: "PROPOSED" }]);
    });
  });

  describe("POST /api/v1/matching/proposals/{proposal_id}/reject", () => {
    const reasons: readonly (readonly [why: string, body: object | undefined, reason: string])[] = [
      ["with a reason", { reason: "I am on holiday." }, "I am on holiday."],
      ["without a body", undefined, ""],
      ["with nothing in it", {}, ""],
      ["with null for a reason", { reason: null }, ""],
      ["with a reason of 1000 code points", { reason: "😀".repeat(1000) }, "😀".repeat(1000)],
    ];
    test.each(reasons)("%s declines, and leaves the task open for others", async (_why, body, reason) => {
      const skill = newSkill();
      const people = await crowd(skill, 2);
      const taskId = await newTask(url(), owner, { skill_tags: [skill] });
      const [proposal] = await start(taskId);
      const developer = people.find(({ userId }) => userId === proposal.user_id)!;
      const rejected = await answer(proposal.proposal_id, "reject", developer, body);
      expect(rejected).toEqual({ ...proposal, state: "REJECTED", reason, responded_at: TIME });
      expect((await list(developer)).body, "and this is what is stored").toEqual([rejected]);
      expect(await readTask(taskId, owner)).toMatchObject({ status: "OPEN", assignee_id: "" });
      expect((await stateOf(taskId, owner)).toSorted()).toEqual(["PROPOSED", "REJECTED"]);
    });
  });

  describe("an answer", () => {
    const answers = ["accept", "reject"] as const;
    const pairs = answers.flatMap((first) => answers.map((second) => [first, second] as const));
    test.each(pairs)("after which comes another is the one that counts: %s, then %s", async (first, second) => {
      const { proposalId, developer } = await newProposal(url(), owner);
      const answered = await answer(proposalId, first, developer);
      const { body } = await refuse(proposalId, second, developer, FAILED_PRECONDITION);
      expect(body.detail, "the service's own words").toContain(answered.state);
      expect((await list(developer)).body).toEqual([answered]);
    });

    test.each(answers)("is 403 in another's place and 404 to what does not exist: %s", async (how) => {
      const { proposalId, developer } = await newProposal(url(), owner);
      const admin = await signInAdmin(url());
      for (const person of [stranger, owner, admin]) await refuse(proposalId, how, person, ACCESS_DENIED);
      await refuse("prp_nobody", how, developer, NOT_FOUND);
      expect((await list(developer)).body, "and nothing has been answered").toMatchObject([{ state: "PROPOSED" }]);
      expect((await answer(proposalId, how, developer)).proposal_id).toBe(proposalId);
    });

    test("of two at once one is taken, and the other told that it came too late", async () => {
      const { proposalId, developer } = await newProposal(url(), owner);
      const both = answers.map((how) =>
        call(url(), `POST ${PROPOSALS}/${proposalId}/${how}`, { token: developer.token }),
      );
      const statuses = (await Promise.all(both)).map(({ status }) => status);
      expect(statuses.toSorted()).toEqual([200, 400]);
    });
  });
}
