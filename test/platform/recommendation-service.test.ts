import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { openClients } from "./support/clients.ts";
import { expectRefusal } from "./support/refusals.ts";
import { addOnlineDeveloper, profile } from "./support/samples.ts";
import { startTestPlatform } from "./support/start-test-platform.ts";
import { protocols } from "./support/transports.ts";

const task = { skillTags: ["typescript", "react"], budgetLowerBound: 50, budgetUpperBound: 150 };
const ada = { userId: "usr_ada", skillTags: ["TypeScript", "React"], hourlyRate: 100, rating: 5 };
const ben = { userId: "usr_ben", skillTags: ["React"], hourlyRate: 80, rating: 4.5 };

describe.each(protocols)("RecommendationService, $name", (protocol) => {
  async function start(options = {}) {
    const platform = await startTestPlatform(options);
    return openClients(platform, protocol);
  }

  test("ScoreTaskCandidates scores by the formula, best first, and says how", async () => {
    const { recommendation } = await start();
    const { scores, metadata } = await recommendation.scoreTaskCandidates({ task, candidates: [ben, ada] });
    expect(scores.map(({ userId }) => userId)).toEqual(["usr_ada", "usr_ben"]);
    expect(scores[0]!.score).toBeCloseTo(1, 12);
    expect(scores[1]!.score).toBeCloseTo(0.67, 12);
    expect(scores[1]!.breakdown).toMatchObject({
      skillMatchScore: 0.5,
      priceCompatibility: expect.closeTo(0.8, 12),
      ratingScore: 0.9,
      embeddingSimilarity: 0,
      responsivenessScore: 0,
      availabilityScore: 0,
      diversityBonus: 0,
    });
    expect(scores[1]!.reasons).toContain("has 1 of 2 required skills");
    expect(metadata).toMatchObject({
      totalCandidatesEvaluated: 2,
      strategyUsed: "balanced",
      weightsApplied: { skill_match: 0.5, price_compatibility: 0.3, rating: 0.2 },
    });
    expect(metadata!.scoringDurationMs).toBeGreaterThanOrEqual(0n);
  });

  test.each(["skill_match", "ml_hybrid", "greedy", "balanced"])("ScoreTaskCandidates knows %s", async (name) => {
    const { recommendation } = await start();
    const request = { task, candidates: [ben], strategy: { name } };
    const { scores, metadata } = await recommendation.scoreTaskCandidates(request);
    expect(scores[0]!.score).toBeCloseTo(0.67, 12);
    expect(metadata!.strategyUsed).toBe(name);
  });

  test("ScoreTaskCandidates takes weights", async () => {
    const { recommendation } = await start();
    const { scores } = await recommendation.scoreTaskCandidates({ task, candidates: [ben], weights: { rating: 2 } });
    expect(scores[0]!.score).toBeCloseTo(0.9, 12);
  });

  test("ScoreTaskCandidates answers 10 unless told", async () => {
    const { recommendation } = await start();
    const candidates = Array.from({ length: 12 }, (_, index) => ({ ...ada, userId: `usr_${index}` }));
    const count = async (limit: number) =>
      (await recommendation.scoreTaskCandidates({ task, candidates, limit })).scores.length;
    expect([await count(0), await count(3), await count(12)]).toEqual([10, 3, 12]);
    expect((await recommendation.scoreTaskCandidates({ task })).scores).toEqual([]);
  });

  test("ScoreTaskCandidates refuses bad input", async () => {
    const { recommendation } = await start();
    const refused = (request: object, message: RegExp) =>
      expectRefusal(recommendation.scoreTaskCandidates(request), Code.InvalidArgument, message);
    await refused({}, /task is required/);
    await refused({ task, strategy: { name: "magic" } }, /strategy must be one of skill_match, ml_hybrid/);
    await refused({ task: { ...task, budgetUpperBound: 1 } }, /must not be higher/);
    await refused({ task, candidates: [{ ...ada, rating: 6 }] }, /rating must be between 0 and 5/);
    await refused({ task, candidates: [{ ...ada, userId: "" }] }, /user_id is required/);
    await refused({ task, limit: 1001 }, /limit must be at most/);
    await refused({ task, weights: { luck: 1 } }, /weights/);
  });

  test("BatchScoreTaskCandidates answers each request in order, and refuses all for one bad one", async () => {
    const { recommendation } = await start();
    const requests = [{ task, candidates: [ada] }, { task }, { task, candidates: [ben] }];
    const { responses } = await recommendation.batchScoreTaskCandidates({ requests });
    expect(responses.map(({ scores }) => scores.map(({ userId }) => userId))).toEqual([["usr_ada"], [], ["usr_ben"]]);
    await expectRefusal(
      recommendation.batchScoreTaskCandidates({ requests: [...requests, {}] }),
      Code.InvalidArgument,
      /task is required/,
    );
    await expectRefusal(
      recommendation.batchScoreTaskCandidates({ requests: Array(101).fill({ task }) }),
      Code.InvalidArgument,
      /requests must have at most 100/,
    );
  });

  test("FilterCandidates narrows by what is stored, and keeps the order", async () => {
    const time = Date.UTC(2026, 0, 1);
    let now = time;
    const clients = await start({ now: () => now });
    await addOnlineDeveloper(clients, "usr_go", { skillTags: ["Go", "gRPC"], hourlyRate: 90 });
    now = time + 5 * 3_600_000;
    await addOnlineDeveloper(clients, "usr_ts", { skillTags: ["TypeScript"], hourlyRate: 60 });
    await clients.users.createDeveloperProfile({ ...profile, userId: "usr_away", skillTags: ["go"], hourlyRate: 40 });

    const candidateUserIds = ["usr_ts", "usr_x", "usr_go", "usr_away", "usr_ts"];
    const filter = async (criteria?: object) => {
      const request = { candidateUserIds, ...(criteria && { criteria }) };
      const answer = await clients.recommendation.filterCandidates(request);
      expect(answer.totalFiltered).toBe(answer.filteredUserIds.length);
      return answer.filteredUserIds;
    };
    expect(await filter()).toEqual(["usr_ts", "usr_go", "usr_away"]);
    expect(await filter({})).toEqual(["usr_ts", "usr_go", "usr_away"]);
    expect(await filter({ maxHourlyRate: 60 })).toEqual(["usr_ts", "usr_away"]);
    expect(await filter({ requiredSkills: ["GO", "grpc"] })).toEqual(["usr_go"]);
    expect(await filter({ excludedSkills: ["GRPC"] })).toEqual(["usr_ts", "usr_away"]);
    expect(await filter({ onlineOnly: true })).toEqual(["usr_ts", "usr_go"]);
    expect(await filter({ minRating: 0.1 })).toEqual([]);
    expect(await filter({ maxHoursSinceActive: 4 })).toEqual(["usr_ts", "usr_away"]);
    expect(await filter({ maxHoursSinceActive: 5 })).toEqual(["usr_ts", "usr_go", "usr_away"]);
  });

  test("FilterCandidates refuses bad criteria", async () => {
    const { recommendation } = await start();
    const criteria = { minRating: 6, maxHourlyRate: -1, maxHoursSinceActive: -1 };
    await expectRefusal(
      recommendation.filterCandidates({ criteria }),
      Code.InvalidArgument,
      /min_rating.*max_hourly_rate.*max_hours_since_active/,
    );
  });

  test("UpsertEmbedding and PrecomputeSimilarities keep vectors and compare them, and Health counts", async () => {
    const { recommendation } = await start();
    const health = async () => {
      const answer = await recommendation.health({});
      expect(answer).toMatchObject({ healthy: true, status: "ok" });
      return answer.checks;
    };
    expect(await health()).toEqual({ database: "ok", embeddings: "0", similarities: "0" });
    await recommendation.upsertEmbedding({ entityType: "user", entityId: "usr_ada", embedding: [1, 0] });
    await recommendation.upsertEmbedding({ entityType: "task", entityId: "tsk_1", embedding: [1, 1] });
    await recommendation.upsertEmbedding({ entityType: "task", entityId: "tsk_2", embedding: [1, 1, 1] });
    await recommendation.precomputeSimilarities({ userIds: ["usr_ada", "usr_without"] });
    // The third vector has other dimensions: there is nothing to compare.
    expect(await health()).toEqual({ database: "ok", embeddings: "3", similarities: "1" });
    await recommendation.upsertEmbedding({ entityType: "user", entityId: "usr_ada", embedding: [0, 1] });
    expect(await health()).toEqual({ database: "ok", embeddings: "3", similarities: "0" });
  });

  test("UpsertEmbedding refuses bad input", async () => {
    const { recommendation } = await start();
    const bad = { entityType: "cat", embedding: [Number.NaN], updatedAt: timestampFromMs(0) };
    await expectRefusal(
      recommendation.upsertEmbedding(bad),
      Code.InvalidArgument,
      /entity_id is required.*entity_type must be task or user.*finite/,
    );
    await expectRefusal(
      recommendation.upsertEmbedding({ entityType: "task", entityId: "tsk_1" }),
      Code.InvalidArgument,
      /embedding must not be empty/,
    );
    await expectRefusal(
      recommendation.precomputeSimilarities({ userIds: ["a b"] }),
      Code.InvalidArgument,
      /each of user_ids is not an id/,
    );
  });
});
