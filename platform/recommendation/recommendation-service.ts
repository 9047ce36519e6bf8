import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type {
  CandidateScoreSchema,
  RecommendationService,
  ScoreTaskCandidatesRequest,
  ScoreTaskCandidatesResponseSchema,
} from "#gen/platform/matching/v1/matching_pb.ts";
import { limitWithin, pageLimit } from "../rpc/paging.ts";
import { invalidArgument } from "../rpc/refusals.ts";
import { amount, anySkillTags, between, identifier, requireValid, type Violation } from "../rpc/rules.ts";
import type { Profiles } from "../users/profiles.ts";
import { candidateFilter } from "./candidate-filter.ts";
import { type Embeddings, entityTypes } from "./embeddings.ts";
import { type Score, scoreCandidates } from "./scoring.ts";
import { strategyNamed, weightsFrom, weightsToWire } from "./strategies.ts";

const scoreLimits = { default: 10, max: 1000 };
const maxCandidates = 1000;
const maxBatch = 100;
const maxDimensions = 4096;

/** What the Recommendation Service works with. */
export interface RecommendationServiceParts {
  profiles: Profiles;
  embeddings: Embeddings;
  now: () => number;
}

/** The Recommendation Service. It scores what it is given, and filters by what is stored. */
export function createRecommendationService(
  parts: RecommendationServiceParts,
): ServiceImpl<typeof RecommendationService> {
  const { profiles, embeddings, now } = parts;
  return {
    scoreTaskCandidates: score,

    batchScoreTaskCandidates({ requests }) {
      requireValid(tooMany("requests", requests.length, maxBatch));
      return { responses: requests.map(score) };
    },

    filterCandidates({ candidateUserIds, criteria }) {
      requireValid(
        tooMany("candidate_user_ids", candidateUserIds.length, maxCandidates),
        ...(criteria === undefined
          ? []
          : [
              between("min_rating", criteria.minRating, 0, 5),
              amount("max_hourly_rate", criteria.maxHourlyRate),
              anySkillTags("required_skills", criteria.requiredSkills),
              anySkillTags("excluded_skills", criteria.excludedSkills),
              amount("max_hours_since_active", criteria.maxHoursSinceActive),
            ]),
      );
      const fits = criteria === undefined ? () => true : candidateFilter(criteria, now());
      // In the order they came, each once; who has no profile cannot fit.
      const filteredUserIds = [...new Set(candidateUserIds)].filter((userId) => {
        const profile = profiles.find(userId);
        return profile !== undefined && fits(profile);
      });
      return { filteredUserIds, totalFiltered: filteredUserIds.length };
    },

    upsertEmbedding({ entityType, entityId, embedding, updatedAt }) {
      requireValid(
        identifier("entity_id", entityId),
        entityTypes.some((type) => type === entityType) ? undefined : "entity_type must be task or user",
        embedding.length === 0 ? "embedding must not be empty" : tooMany("embedding", embedding.length, maxDimensions),
        embedding.every(Number.isFinite) ? undefined : "embedding must have finite numbers only",
      );
      const time = updatedAt === undefined ? now() : timestampMs(updatedAt);
      embeddings.upsert({ entityType, entityId, vector: embedding, updatedAt: time });
      return {};
    },

    precomputeSimilarities({ userIds, forceRecompute }) {
      requireValid(
        tooMany("user_ids", userIds.length, maxCandidates),
        ...userIds.map((userId) => identifier("each of user_ids", userId)),
      );
      for (const userId of userIds) embeddings.precompute(userId, forceRecompute);
      return {};
    },

    health() {
      // To count is to read the database: a database that cannot be read makes this call fail, as it should.
      const { embeddings: vectors, similarities } = embeddings.counts();
      const checks = { database: "ok", embeddings: String(vectors), similarities: String(similarities) };
      return { healthy: true, status: "ok", checks };
    },
  };
}

function score(request: ScoreTaskCandidatesRequest): MessageInitShape<typeof ScoreTaskCandidatesResponseSchema> {
  const started = performance.now();
  const { task, candidates, limit } = request;
  if (task === undefined) throw invalidArgument("task is required");
  requireValid(
    anySkillTags("skill_tags", task.skillTags),
    amount("budget_lower_bound", task.budgetLowerBound),
    amount("budget_upper_bound", task.budgetUpperBound),
    task.budgetLowerBound > task.budgetUpperBound
      ? "budget_lower_bound must not be higher than budget_upper_bound"
      : undefined,
    limitWithin(limit, scoreLimits),
    tooMany("candidates", candidates.length, maxCandidates),
    ...candidates.flatMap((candidate) => [
      identifier("each candidate's user_id", candidate.userId),
      amount("each candidate's hourly_rate", candidate.hourlyRate),
      between("each candidate's rating", candidate.rating, 0, 5),
    ]),
  );
  const strategy = strategyNamed(request.strategy?.name ?? "");
  const weights = weightsFrom(request.weights);
  const scores = scoreCandidates(task, candidates, weights);
  return {
    scores: scores.slice(0, pageLimit(limit, scoreLimits)).map(scoreMessage),
    metadata: {
      totalCandidatesEvaluated: candidates.length,
      scoringDurationMs: BigInt(Math.round(performance.now() - started)),
      strategyUsed: strategy,
      weightsApplied: weightsToWire(weights),
    },
  };
}

/** The parts of a score that the formula has no opinion about stay 0. */
function scoreMessage({ userId, score, parts, reasons }: Score): MessageInitShape<typeof CandidateScoreSchema> {
  const breakdown = {
    skillMatchScore: parts.skillMatch,
    priceCompatibility: parts.priceCompatibility,
    ratingScore: parts.rating,
  };
  return { userId, score, breakdown, reasons };
}

function tooMany(field: string, count: number, max: number): Violation {
  return count > max ? `${field} must have at most ${max} entries` : undefined;
}
