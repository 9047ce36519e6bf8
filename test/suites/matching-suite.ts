import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, call, type Person, register, signInAdmin } from "../support/gateway-under-test.ts";
import { ACCESS_DENIED, expectRefusal, invalid, NOT_FOUND, type Refusal } from "../support/problems.ts";
import { newDeveloper, newSkill, newTask, scoringBody, setPresence } from "../support/samples.ts";
import type { Target } from "./suite-target.ts";

/** Routes 17 to 20. */
export function matchingSuite(target: Target): void {
  const url = () => target().url;
  const [one, two, unknown] = [newSkill(), newSkill(), newSkill()];
  const people: Record<string, Person> = {};
  let owner: Person;
  let taskId: string;
  beforeAll(async () => {
    owner = await register(url(), "CLIENT");
    taskId = await newTask(url(), owner, { skill_tags: [one, two], budget_lower_bound: 60, budget_upper_bound: 100 });
    people.best = await newDeveloper(url(), { presence: "SEARCHING", skill_tags: [one, two], hourly_rate: 80 });
    people.good = await newDeveloper(url(), { presence: "IDLE", skill_tags: [one], hourly_rate: 60 });
    people.dear = await newDeveloper(url(), { presence: "IDLE", skill_tags: [one, two], hourly_rate: 160 });
    people.offline = await newDeveloper(url(), { skill_tags: [one, two], hourly_rate: 80 });
  });
  const idsOf = (names: readonly string[]) => names.map((name) => people[name]!.userId);
  const namesOf = (ids: readonly string[]) =>
    ids.map((id) => Object.keys(people).find((name) => people[name]!.userId === id));
  const candidatesOf = ({ body }: Answer) =>
    namesOf(body.candidates.map(({ user_id }: { user_id: string }) => user_id));
  /** 17 with the stored task's values, unless changed. */
  const body17 = (changes: object = {}) => ({ ...scoringBody(taskId), skill_tags: [one, two], ...changes });
  const score = async (changes?: object) => {
    const answer = await call(url(), "POST /api/v1/matching/score", { token: owner.token, body: body17(changes) });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer;
  };
  const recommend = async (query = "", id = taskId) => {
    const request = `GET /api/v1/matching/recommendations/${id}${query}`;
    const answer = await call(url(), request, { token: owner.token });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer;
  };

  /** By the platform's formula: both skills at the budget's midpoint, and one of two at three quarters of it. */
  const NO_OPINION = {
    embedding_similarity: 0,
    rating_score: 0,
    responsiveness_score: 0,
    availability_score: 0,
    diversity_bonus: 0,
  };
  const scored = () => ({
    candidates: [
      {
        user_id: people.best!.userId,
        score: 0.8,
        breakdown: { ...NO_OPINION, skill_match_score: 1, price_compatibility: 1 },
        reasons: expect.any(Array),
      },
      {
        user_id: people.good!.userId,
        score: expect.closeTo(0.475),
        breakdown: { ...NO_OPINION, skill_match_score: 0.5, price_compatibility: 0.75 },
        reasons: expect.any(Array),
      },
    ],
    metadata: { total_candidates: 2, strategy_used: "balanced", task_id: taskId },
  });

  describe("POST /api/v1/matching/score", () => {
    test("answers the online developers within skills and budget, best first, and why", async () => {
      const { headers, body } = await score();
      expect(headers.get("content-type")).toMatch(/^application\/json/);
      expect(body).toEqual(scored());
      for (const { reasons } of body.candidates) {
        expect(reasons.length).toBeGreaterThan(0);
        expect(reasons).toEqual(reasons.map(() => expect.stringMatching(/\S/)));
      }
    });

    test("scores by the body's values, not by the stored ones", async () => {
      const stored = await call(url(), `GET /api/v1/tasks/${taskId}`, { token: owner.token });
      const dear = { budget_lower_bound: 150, budget_upper_bound: 170 };
      expect(candidatesOf(await score(dear)), "another budget").toEqual(["dear"]);
      expect(candidatesOf(await score({ skill_tags: [two] })), "other skills").toEqual(["best"]);
      const { candidates } = (await score({ skill_tags: [one] })).body;
      expect(candidates[1].breakdown.skill_match_score, "of one required skill, all").toBe(1);
      expect((await score({ title: "Another", description: "" })).body).toEqual(scored());
      const after = await call(url(), `GET /api/v1/tasks/${taskId}`, { token: owner.token });
      expect(after.body, "and stores nothing of it").toEqual(stored.body);
    });

    test("answers a message in place of an error where nobody matches", async () => {
      expect((await score({ skill_tags: [unknown] })).body).toEqual({
        candidates: [],
        metadata: {
          total_candidates: 0,
          strategy_used: "balanced",
          task_id: taskId,
          message: expect.stringMatching(/\S/),
        },
      });
    });

    test("counts all candidates before the limit", async () => {
      const answer = await score({ limit: 1 });
      expect(candidatesOf(answer)).toEqual(["best"]);
      expect(answer.body.metadata.total_candidates).toBe(2);
    });

    test.each(["skill_match", "ml_hybrid", "greedy", "balanced"])("says that it used %s", async (strategy) => {
      expect((await score({ strategy })).body.metadata.strategy_used).toBe(strategy);
      const none = await score({ strategy, skill_tags: [unknown] });
      expect(none.body.metadata.strategy_used, "also with nobody to score").toBe(strategy);
    });

    test.each<[changes: object, why: string]>([
      [{ limit: null, strategy: null }, "null is the same as nothing"],
      [{ limit: 50 }, "the greatest limit"],
      [{ description: "" }, "an empty description is one"],
      [{ budget_lower_bound: 0 }, "a budget from 0"],
    ])("takes %j: %s", async (changes) => {
      expect(candidatesOf(await score(changes))).toContain("best");
    });

    test("scores by finite numbers, however large the amounts are", async () => {
      const dear = newSkill();
      await newDeveloper(url(), { presence: "IDLE", skill_tags: [dear], hourly_rate: 1.3e308 });
      const { body } = await score({ skill_tags: [dear], budget_lower_bound: 1e308, budget_upper_bound: 1.6e308 });
      expect(body.candidates[0].breakdown.price_compatibility, "at the midpoint").toBeCloseTo(1);
      expect(body.candidates[0].score).toBeCloseTo(0.8);
    });

    test("scores at most 100 developers, and answers 10 of them unless told", async () => {
      const crowd = newSkill();
      const rate = { presence: "IDLE", skill_tags: [crowd], hourly_rate: 80 };
      await Promise.all(Array.from({ length: 101 }, () => newDeveloper(url(), rate)));
      const byDefault = (await score({ skill_tags: [crowd] })).body;
      expect([byDefault.candidates.length, byDefault.metadata.total_candidates]).toEqual([10, 100]);
      const most = (await score({ skill_tags: [crowd], limit: 50 })).body;
      expect([most.candidates.length, most.metadata.total_candidates]).toEqual([50, 100]);
    });
  });

  describe("GET /api/v1/matching/recommendations/{task_id}", () => {
    test("is a score with the task's own values", async () => {
      expect((await recommend()).body).toEqual(scored());
      expect((await recommend()).body).toEqual((await score()).body);
    });

    test("follows the stored task when it changes", async () => {
      const own = await newTask(url(), owner, { skill_tags: [one, two] });
      const body = { budget_lower_bound: 150, budget_upper_bound: 170 };
      await call(url(), `PUT /api/v1/tasks/${own}`, { token: owner.token, body });
      expect(candidatesOf(await recommend("", own))).toEqual(["dear"]);
    });

    test("answers 10 unless told, at most as many as the limit says, by the strategy that is asked for", async () => {
      const crowd = newSkill();
      const rate = { presence: "IDLE", skill_tags: [crowd], hourly_rate: 80 };
      await Promise.all(Array.from({ length: 11 }, () => newDeveloper(url(), rate)));
      const own = await newTask(url(), owner, { skill_tags: [crowd] });
      expect((await recommend("", own)).body.candidates).toHaveLength(10);
      expect((await recommend("?limit=50", own)).body.candidates).toHaveLength(11);
      const { body } = await recommend("?limit=3&strategy=greedy", own);
      expect(body.candidates).toHaveLength(3);
      expect(body.metadata).toEqual({ total_candidates: 11, strategy_used: "greedy", task_id: own });
    });

    test("answers a message where nobody matches", async () => {
      const own = await newTask(url(), owner, { skill_tags: [unknown] });
      expect((await recommend("", own)).body).toEqual({
        candidates: [],
        metadata: { total_candidates: 0, strategy_used: "balanced", task_id: own, message: expect.any(String) },
      });
    });
  });

  describe("POST /api/v1/matching/filter", () => {
    const everybody = ["dear", "offline", "best", "good"];
    const filter = async (changes: object = {}) => {
      const body = { ...body17(), candidate_user_ids: idsOf(everybody), ...changes };
      const answer = await call(url(), "POST /api/v1/matching/filter", { token: owner.token, body });
      expect(answer.status, JSON.stringify(answer.body)).toBe(200);
      return answer.body;
    };

    test("answers whom the criteria leave, in the order they came, and how many", async () => {
      const filtered_user_ids = idsOf(["dear", "best", "good"]);
      expect(await filter({ online_only: true })).toEqual({ filtered_user_ids, total_filtered: 3 });
    });

    const rows: readonly (readonly [criteria: object, names: readonly string[], why: string])[] = [
      [{}, everybody, "no criterion, everybody with a profile"],
      [{ online_only: false }, everybody, "the same as nothing"],
      [{ max_hourly_rate: 80 }, ["offline", "best", "good"], "the bound included"],
      [{ max_hourly_rate: 79.99 }, ["good"], "and not above it"],
      [{ max_hourly_rate: null }, everybody, "null is the same as nothing"],
      [{ required_skills: [two] }, ["dear", "offline", "best"], "all of the skills"],
      [{ required_skills: [one, two] }, ["dear", "offline", "best"], "all of two"],
      [{ required_skills: [unknown] }, [], "a skill that nobody has"],
      [{ required_skills: [] }, everybody, "no skill is none required"],
      [{ min_rating: 0 }, everybody, "nobody has been rated yet"],
      [{ min_rating: 0.1 }, [], "so nobody has that much"],
      [{ min_rating: 5 }, [], "the greatest rating"],
      [{ online_only: true, max_hourly_rate: 100, required_skills: [two] }, ["best"], "all at once"],
      [{ onlineOnly: true, maxHourlyRate: 100, requiredSkills: [two] }, ["best"], "in camelCase"],
      [{ skill_tags: [unknown], budget_lower_bound: 0, budget_upper_bound: 1 }, everybody, "the task's values do not"],
    ];
    test.each(rows)("with %j leaves %j: %s", async (criteria, names) => {
      const { filtered_user_ids, total_filtered } = await filter(criteria);
      expect(namesOf(filtered_user_ids)).toEqual(names);
      expect(total_filtered).toBe(names.length);
    });

    test("leaves out who is unknown or has no profile, and names nobody twice", async () => {
      const candidate_user_ids = [...idsOf(["best", "best"]), "usr_nobody", owner.userId];
      const filtered_user_ids = idsOf(["best"]);
      expect(await filter({ candidate_user_ids })).toEqual({ filtered_user_ids, total_filtered: 1 });
    });

    test("looks at the developers as they are now", async () => {
      const person = await newDeveloper(url(), { presence: "IDLE", skill_tags: [one] });
      const candidate_user_ids = [person.userId];
      expect((await filter({ candidate_user_ids, online_only: true })).total_filtered).toBe(1);
      await setPresence(url(), person, "OFFLINE");
      expect((await filter({ candidate_user_ids, online_only: true })).total_filtered).toBe(0);
    });

    test("has no limit and no strategy", async () => {
      const body = { ...body17(), candidate_user_ids: idsOf(["best"]), limit: 10, strategy: "balanced" };
      const options = { token: owner.token, body };
      await expectRefusal(url(), "POST /api/v1/matching/filter", options, invalid("limit", "strategy"));
    });
  });

  describe("whose task it is", () => {
    const requests = (id: string): readonly (readonly [request: string, body?: object])[] => [
      ["POST /api/v1/matching/score", body17({ task_id: id })],
      ["POST /api/v1/matching/filter", { ...body17({ task_id: id }), candidate_user_ids: ["usr_any"] }],
      [`GET /api/v1/matching/recommendations/${id}`],
    ];

    test("decides the stored task: another client gets 403, the administrator the answer", async () => {
      const other = await register(url(), "CLIENT");
      const admin = await signInAdmin(url());
      for (const [request, body] of requests(taskId)) {
        await expectRefusal(url(), request, { token: other.token, body }, ACCESS_DENIED);
        expect((await call(url(), request, { token: admin.token, body })).status, request).toBe(200);
      }
    });

    test("is 404 where there is no task", async () => {
      for (const [request, body] of requests("tsk_nobody")) {
        await expectRefusal(url(), request, { token: owner.token, body }, NOT_FOUND);
      }
    });

    const unknownStrategy: Refusal = invalid("strategy");
    test.each(["", "Balanced", "best", "BALANCED", "balanced "])("the strategy %j is 400", async (strategy) => {
      const { token } = owner;
      const scoring = { token, body: body17({ strategy }) };
      await expectRefusal(url(), "POST /api/v1/matching/score", scoring, unknownStrategy);
      const query = new URLSearchParams({ strategy });
      const request = `GET /api/v1/matching/recommendations/${taskId}?${query}`;
      await expectRefusal(url(), request, { token }, unknownStrategy);
    });
  });

  test("GET /api/v1/matching/health is the Recommendation Service's own view", async () => {
    const { status, body } = await call(url(), "GET /api/v1/matching/health", { token: owner.token });
    expect(status).toBe(200);
    const checks = { database: "ok", embeddings: expect.any(String), similarities: expect.any(String) };
    expect(body).toEqual({ healthy: true, status: "ok", checks });
  });
}
