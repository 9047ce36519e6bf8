import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, call, type Person, register, signInAdmin } from "../support/gateway-under-test.ts";
import { pageLinks } from "../support/page-links.ts";
import { ACCESS_DENIED, expectRefusal, invalid, NOT_FOUND, type Refusal } from "../support/problems.ts";
import { ID, newDeveloper, newSkill, newTask, TIME, taskBody } from "../support/samples.ts";
import type { Target } from "./suite-target.ts";

const MESSAGE = { message: expect.stringMatching(/\S/) };
const FAILED_PRECONDITION: Refusal = { status: 400, code: "FAILED_PRECONDITION" };

/** Routes 12 to 16. */
export function tasksSuite(target: Target): void {
  const url = () => target().url;
  let client: Person;
  beforeAll(async () => {
    client = await register(url(), "CLIENT");
  });
  const getTask = async (taskId: string, { token } = client) => {
    const { status, body } = await call(url(), `GET /api/v1/tasks/${taskId}`, { token });
    expect(status).toBe(200);
    return body;
  };
  const update = (taskId: string, body: object, { token } = client) =>
    call(url(), `PUT /api/v1/tasks/${taskId}`, { token, body });
  const refuseUpdate = (taskId: string, body: unknown, refusal: Refusal) =>
    expectRefusal(url(), `PUT /api/v1/tasks/${taskId}`, { token: client.token, body }, refusal);

  /** Has the task proposed to the developer, who accepts. */
  const assign = async (taskId: string, { userId, token }: Person, owner = client) => {
    const start = `POST /api/v1/matching/tasks/${taskId}/start`;
    const { body } = await call(url(), start, { token: owner.token, body: { limit: 50 } });
    const proposal = body.proposals.find(({ user_id }: { user_id: string }) => user_id === userId);
    const accept = `POST /api/v1/matching/proposals/${proposal.proposal_id}/accept`;
    expect((await call(url(), accept, { token })).status).toBe(200);
  };

  describe("POST /api/v1/tasks", () => {
    test("answers 201 with the whole task, which is the caller's and OPEN", async () => {
      const sent = taskBody();
      const answer = await call(url(), "POST /api/v1/tasks", { token: client.token, body: { ...sent, priority: 3 } });

      expect(answer.status).toBe(201);
      expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
      const beginning = { status: "OPEN", assignee_id: "", created_at: TIME, updated_at: TIME };
      expect(answer.body).toEqual({ task_id: ID, client_id: client.userId, ...sent, ...beginning });
      expect(answer.body, "and this is what is stored").toEqual(await getTask(answer.body.task_id));
    });

    test("takes a task without description, repository and priority", async () => {
      const { description: _, repository_url: __, ...sent } = taskBody();
      const { status, body } = await call(url(), "POST /api/v1/tasks", { token: client.token, body: sent });
      expect(status).toBe(201);
      expect(body).toMatchObject({ ...sent, description: "", repository_url: "" });
    });

    test("makes an administrator's task the administrator's", async () => {
      const admin = await signInAdmin(url());
      expect(await getTask(await newTask(url(), admin), admin)).toMatchObject({ client_id: admin.userId });
    });

    test.each([
      ["client_id", "the task is the caller's"],
      ["task_id", "the service makes it"],
      ["status", "a new task is OPEN"],
      ["assignee_id", "nobody has it yet"],
    ])("has no field %s: %s", async (field) => {
      const body = { ...taskBody(), [field]: field === "status" ? "OPEN" : client.userId };
      await expectRefusal(url(), "POST /api/v1/tasks", { token: client.token, body }, invalid(field));
    });

    const edges: readonly (readonly [why: string, changes: object])[] = [
      ["a title of 200 code points", { title: "😀".repeat(200) }],
      ["a title of one character", { title: "x" }],
      ["50 skill tags of 64 characters", { skill_tags: Array.from({ length: 50 }, (_, i) => `${i}`.padEnd(64, "é")) }],
      ["a budget from 0", { budget_lower_bound: 0, budget_upper_bound: 0.01 }],
      ["a budget that is large", { budget_lower_bound: 1e15, budget_upper_bound: 1.5e300 }],
      ["a repository over http, with port and path", { repository_url: "http://git.example:8080/a/b?c=d#e" }],
      ["an empty repository", { repository_url: "" }],
      ["a description of several lines", { description: 'One.\n\tTwo: "three" \\ 日本語 \u0001 \u2028' }],
    ];
    test.each(edges)("keeps %s exactly", async (_why, changes) => {
      expect(await getTask(await newTask(url(), client, changes))).toMatchObject(changes);
    });
  });

  describe("GET /api/v1/tasks/{task_id}", () => {
    test("shows who has been assigned", async () => {
      const skill = newSkill();
      const developer = await newDeveloper(url(), { presence: "IDLE", skill_tags: [skill] });
      const taskId = await newTask(url(), client, { skill_tags: [skill] });
      const before = await getTask(taskId);
      await assign(taskId, developer);

      const after = { ...before, status: "ASSIGNED", assignee_id: developer.userId, updated_at: TIME };
      expect(await getTask(taskId)).toEqual(after);
      expect(await getTask(taskId, developer), "to the developer too").toEqual(after);
    });

    test.each(["tsk_nobody", "a:b.c_d-e", "A".repeat(128)])("is 404 for %s, which no task has", async (id) => {
      await expectRefusal(url(), `GET /api/v1/tasks/${id}`, { token: client.token }, NOT_FOUND);
    });
  });

  describe("PUT /api/v1/tasks/{task_id}", () => {
    const changes: readonly (readonly [why: string, change: object, result: object])[] = [
      ["title alone", { title: "Another" }, { title: "Another" }],
      ["description alone", { description: "Another." }, { description: "Another." }],
      ["skill_tags alone", { skill_tags: ["zig"] }, { skill_tags: ["zig"] }],
      ["budget_lower_bound alone", { budget_lower_bound: 99.5 }, { budget_lower_bound: 99.5 }],
      ["budget_lower_bound of 0", { budget_lower_bound: 0 }, { budget_lower_bound: 0 }],
      ["budget_upper_bound alone", { budget_upper_bound: 60.5 }, { budget_upper_bound: 60.5 }],
      ["repository_url alone", { repository_url: "https://x.example" }, { repository_url: "https://x.example" }],
      ["status alone", { status: "PAUSED" }, { status: "PAUSED" }],
      ["an emptied description", { description: "" }, { description: "" }],
      ["a description cleared with null", { description: null }, { description: "" }],
      ["an emptied repository_url", { repository_url: "" }, { repository_url: "" }],
      ["a repository_url cleared with null", { repository_url: null }, { repository_url: "" }],
      ["a budget_lower_bound cleared with null", { budget_lower_bound: null }, { budget_lower_bound: 0 }],
      [
        "both budgets, which need not fit the stored ones",
        { budget_lower_bound: 500, budget_upper_bound: 600 },
        { budget_lower_bound: 500, budget_upper_bound: 600 },
      ],
      ["camelCase names", { budgetLowerBound: 61, skillTags: ["c"] }, { budget_lower_bound: 61, skill_tags: ["c"] }],
      ["what it is already", { title: taskBody().title, status: "OPEN" }, {}],
    ];
    test.each(changes)("changes %s and leaves the others", async (_why, change, result) => {
      const taskId = await newTask(url(), client);
      const before = await getTask(taskId);
      const { status, body } = await update(taskId, change);
      expect({ status, body }).toEqual({ status: 200, body: MESSAGE });
      expect(await getTask(taskId)).toEqual({ ...before, ...result, updated_at: TIME });
    });

    test("leaves the assignee of an assigned task, and takes it away when the task is open again", async () => {
      const skill = newSkill();
      const developer = await newDeveloper(url(), { presence: "IDLE", skill_tags: [skill] });
      const taskId = await newTask(url(), client, { skill_tags: [skill] });
      await assign(taskId, developer);
      await update(taskId, { title: "Another" });
      expect(await getTask(taskId)).toMatchObject({ assignee_id: developer.userId, status: "ASSIGNED" });
      await update(taskId, { status: "OPEN" });
      expect(await getTask(taskId)).toMatchObject({ assignee_id: "", status: "OPEN" });
    });

    const refused: readonly (readonly [why: string, body: unknown, refusal: Refusal])[] = [
      ["an empty body", undefined, invalid("")],
      ["an object without members", {}, invalid("")],
      ["a title cleared with null", { title: null }, invalid("title")],
      ["a title cleared with the empty string", { title: "" }, invalid("title")],
      ["skill_tags cleared with []", { skill_tags: [] }, invalid("skill_tags")],
      ["skill_tags cleared with null", { skill_tags: null }, invalid("skill_tags")],
      ["a status cleared with null", { status: null }, invalid("status")],
      ["a lower bound at the stored upper one", { budget_lower_bound: 100 }, invalid("budget_lower_bound")],
      ["a lower bound above the stored upper one", { budget_lower_bound: 101 }, invalid("budget_lower_bound")],
      ["an upper bound at the stored lower one", { budget_upper_bound: 60 }, invalid("budget_upper_bound")],
      ["an upper bound cleared with null", { budget_upper_bound: null }, invalid("budget_upper_bound")],
      [
        "both bounds in the wrong order",
        { budget_lower_bound: 9, budget_upper_bound: 8 },
        invalid("budget_lower_bound"),
      ],
      ["a field that it does not change", { assignee_id: "usr_me" }, invalid("assignee_id")],
      ["the owner", { client_id: "usr_me" }, invalid("client_id")],
      ["priority, which is for a new task", { priority: 1 }, invalid("priority")],
      ["the id that stands in the path", { task_id: "tsk_other" }, invalid("task_id")],
      ["the mask, which the gateway makes", { update_mask: "title" }, invalid("update_mask")],
    ];
    test.each(refused)("refuses %s, and changes nothing", async (_why, body, refusal) => {
      const taskId = await newTask(url(), client);
      const before = await getTask(taskId);
      await refuseUpdate(taskId, body, refusal);
      expect(await getTask(taskId)).toEqual(before);
    });

    test.each(["COMPLETED", "CANCELLED"])(
      "refuses another status of a %s task, and nothing else of it",
      async (end) => {
        const taskId = await newTask(url(), client);
        expect((await update(taskId, { status: end })).status).toBe(200);
        for (const status of ["OPEN", "ASSIGNED", "PAUSED", "COMPLETED", "CANCELLED"]) {
          if (status !== end) await refuseUpdate(taskId, { status }, FAILED_PRECONDITION);
        }
        expect((await update(taskId, { status: end, title: "Known as" })).status, "the same status is none").toBe(200);
        expect(await getTask(taskId)).toMatchObject({ status: end, title: "Known as" });
      },
    );

    test("takes IN_PROGRESS for ASSIGNED", async () => {
      const taskId = await newTask(url(), client);
      for (const status of ["IN_PROGRESS", "in_progress"]) {
        await update(taskId, { status: "PAUSED" });
        expect((await update(taskId, { status })).status).toBe(200);
        expect((await getTask(taskId)).status).toBe("ASSIGNED");
      }
    });
  });

  describe("GET /api/v1/tasks", () => {
    let owner: Person;
    let admin: Person;
    const skills = [newSkill(), newSkill()] as const;
    const ids: Record<string, string> = {};
    beforeAll(async () => {
      owner = await register(url(), "CLIENT");
      admin = await signInAdmin(url());
      ids.first = await newTask(url(), owner, { skill_tags: [skills[0]] });
      ids.paused = await newTask(url(), owner, { skill_tags: [skills[0], skills[1]] });
      ids.assigned = await newTask(url(), owner, { skill_tags: [skills[1]] });
      ids.last = await newTask(url(), owner, { skill_tags: [skills[1]] });
      await update(ids.paused, { status: "PAUSED" }, owner);
      await update(ids.assigned, { status: "ASSIGNED" }, owner);
    });
    const list = async (query: string, { token } = owner) => {
      const answer = await call(url(), `GET /api/v1/tasks${query}`, { token });
      expect(answer.status, JSON.stringify(answer.body)).toBe(200);
      return answer;
    };
    const namesOf = ({ body }: Answer) =>
      body.map(({ task_id }: { task_id: string }) => Object.keys(ids).find((name) => ids[name] === task_id));

    test("answers an array of whole tasks, the newest first", async () => {
      const answer = await list("");
      expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
      expect(answer.body).toEqual(
        await Promise.all([ids.last, ids.assigned, ids.paused, ids.first].map((id) => getTask(id!, owner))),
      );
      expect(answer.headers.get("x-total-count")).toBe("4");
    });

    test("answers an empty array to somebody without tasks", async () => {
      const { headers, body } = await list("", await register(url(), "CLIENT"));
      expect(body).toEqual([]);
      expect(headers.get("x-total-count")).toBe("0");
      expect(links(headers)).toEqual({ first: "?limit=50&offset=0", last: "?limit=50&offset=0" });
    });

    const filters: readonly (readonly [query: () => string, names: readonly string[], why: string])[] = [
      [() => `?client_id=${owner.userId}`, ["last", "assigned", "paused", "first"], "one's own id is no secret"],
      [() => "?status=OPEN", ["last", "first"], "by status"],
      [() => "?status=paused", ["paused"], "in lower case"],
      [() => "?status=TASK_LIFECYCLE_STATUS_PAUSED", ["paused"], "by the long name"],
      [() => "?status=3", ["paused"], "by number"],
      [() => "?status=IN_PROGRESS", ["assigned"], "by the other name of ASSIGNED"],
      [() => "?status=COMPLETED", [], "none of them"],
      [() => `?skill_tags=${skills[0]}`, ["paused", "first"], "by skill"],
      [() => `?skill_tags=${skills[0]}&skill_tags[]=${skills[1]}`, ["last", "assigned", "paused", "first"], "any"],
      [() => `?skillTags=${skills[0]}&status=OPEN`, ["first"], "both"],
      [() => "?limit=2", ["last", "assigned"], "a page"],
      [() => "?limit=2&offset=1", ["assigned", "paused"], "a page that begins anywhere"],
      [() => "?offset=3", ["first"], "the rest"],
      [() => "?offset=4", [], "nothing after the last"],
      [() => "?offset=4294967295", [], "nor far after it"],
    ];
    test.each(filters)("with %s answers %j: %s", async (query, names) => {
      expect(namesOf(await list(query()))).toEqual(names);
    });

    const pages: readonly (readonly [query: string, links: Record<string, string>, why: string])[] = [
      ["", { first: "?limit=50&offset=0", last: "?limit=50&offset=0" }, "the only page"],
      [
        "?limit=2",
        { first: "?limit=2&offset=0", next: "?limit=2&offset=2", last: "?limit=2&offset=2" },
        "the first page",
      ],
      [
        "?limit=1&offset=2",
        {
          first: "?limit=1&offset=0",
          prev: "?limit=1&offset=1",
          next: "?limit=1&offset=3",
          last: "?limit=1&offset=3",
        },
        "a page in the middle",
      ],
      [
        "?limit=2&offset=2",
        { first: "?limit=2&offset=0", prev: "?limit=2&offset=0", last: "?limit=2&offset=2" },
        "the last page",
      ],
      [
        "?limit=3",
        { first: "?limit=3&offset=0", next: "?limit=3&offset=3", last: "?limit=3&offset=3" },
        "a last page that is not full",
      ],
      [
        "?limit=2&offset=1",
        {
          first: "?limit=2&offset=0",
          prev: "?limit=2&offset=0",
          next: "?limit=2&offset=3",
          last: "?limit=2&offset=2",
        },
        "a page that begins between two",
      ],
      [
        "?limit=2&offset=100",
        { first: "?limit=2&offset=0", prev: "?limit=2&offset=2", last: "?limit=2&offset=2" },
        "beyond the end, back to the last page",
      ],
      ["?limit=4", { first: "?limit=4&offset=0", last: "?limit=4&offset=0" }, "exactly one page"],
    ];
    test.each(pages)("with %j links to %j: %s", async (query, expected) => {
      const { headers } = await list(query);
      expect(headers.get("x-total-count"), "of all pages").toBe("4");
      expect(links(headers)).toEqual(expected);
    });

    test("keeps the other query parameters in its links, and they lead where they say", async () => {
      const [one, two] = skills;
      const { headers } = await list(`?status=OPEN&skill_tags=${one}&skill_tags[]=${two}&limit=1`);
      const { next } = links(headers);
      const parameters = new URLSearchParams(next);
      expect(parameters.get("status")).toBe("OPEN");
      expect([...parameters.getAll("skill_tags"), ...parameters.getAll("skill_tags[]")]).toEqual([one, two]);
      const following = await list(next!);
      expect(namesOf(following)).toEqual(["first"]);
      expect(following.headers.get("x-total-count")).toBe("2");
      expect(Object.keys(links(following.headers))).toEqual(["first", "prev", "last"]);
    });

    test("walks every page by next, and back by prev", async () => {
      const walk = async (from: string, rel: string) => {
        const seen: string[][] = [];
        for (let query: string | undefined = from; query !== undefined; ) {
          const answer: Answer = await list(query);
          seen.push(namesOf(answer));
          query = links(answer.headers)[rel];
        }
        return seen;
      };
      const forward = await walk("?limit=3", "next");
      expect(forward).toEqual([["last", "assigned", "paused"], ["first"]]);
      expect(await walk("?limit=3&offset=3", "prev")).toEqual(forward.toReversed());
    });

    test("is a CLIENT's own tasks, and another's client_id is 403", async () => {
      await expectRefusal(url(), `GET /api/v1/tasks?client_id=${owner.userId}`, { token: client.token }, ACCESS_DENIED);
      const other = "GET /api/v1/tasks?client_id=usr_nobody";
      await expectRefusal(url(), other, { token: client.token }, ACCESS_DENIED, "also of nobody");
    });

    test("is everybody's for ADMIN, by client where told", async () => {
      expect(namesOf(await list(`?client_id=${owner.userId}`, admin))).toEqual(["last", "assigned", "paused", "first"]);
      expect((await list("?client_id=usr_nobody", admin)).body).toEqual([]);
    });

    test("is the OPEN ones for a DEVELOPER, or those assigned to it, by client where told", async () => {
      const skill = newSkill();
      const developer = await newDeveloper(url(), { presence: "IDLE", skill_tags: [skill] });
      ids.given = await newTask(url(), owner, { skill_tags: [skill] });
      await assign(ids.given, developer, owner);
      const by = `client_id=${owner.userId}`;
      expect(namesOf(await list(`?${by}`, developer))).toEqual(["last", "first"]);
      expect(namesOf(await list(`?${by}&status=open`, developer))).toEqual(["last", "first"]);
      expect(namesOf(await list("?status=ASSIGNED", developer))).toEqual(["given"]);
      expect(namesOf(await list(`?${by}&status=IN_PROGRESS`, developer))).toEqual(["given"]);
      expect((await list(`?${by}&status=PAUSED`, developer)).body).toEqual([]);
      expect((await list("?status=ASSIGNED&client_id=usr_nobody", developer)).body).toEqual([]);
      await call(url(), `DELETE /api/v1/tasks/${ids.given}`, { token: owner.token });
    });

    test("answers 50 unless told, and at most 100", async () => {
      const many = await register(url(), "CLIENT");
      await Promise.all(Array.from({ length: 101 }, () => newTask(url(), many)));
      const byDefault = await list("", many);
      expect([byDefault.body.length, byDefault.headers.get("x-total-count")]).toEqual([50, "101"]);
      expect(links(byDefault.headers)).toMatchObject({ next: "?limit=50&offset=50", last: "?limit=50&offset=100" });
      expect((await list("?limit=100", many)).body).toHaveLength(100);
    });
  });

  describe("DELETE /api/v1/tasks/{task_id}", () => {
    test("answers 200, and the task is gone for every route", async () => {
      const taskId = await newTask(url(), client);
      const { token } = client;
      const { status, body } = await call(url(), `DELETE /api/v1/tasks/${taskId}`, { token });
      expect({ status, body }).toEqual({ status: 200, body: MESSAGE });
      await expectRefusal(url(), `GET /api/v1/tasks/${taskId}`, { token }, NOT_FOUND);
      await expectRefusal(url(), `PUT /api/v1/tasks/${taskId}`, { token, body: { title: "x" } }, NOT_FOUND);
      await expectRefusal(url(), `DELETE /api/v1/tasks/${taskId}`, { token }, NOT_FOUND);
      await expectRefusal(url(), `GET /api/v1/matching/recommendations/${taskId}`, { token }, NOT_FOUND);
      expect((await call(url(), "GET /api/v1/tasks?limit=100", { token })).body).not.toContainEqual(
        expect.objectContaining({ task_id: taskId }),
      );
    });
  });
}

const links = (headers: Headers) => pageLinks(headers, "/api/v1/tasks");
