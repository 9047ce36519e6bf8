import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { callerOf } from "../context.ts";
import type { MatchingService } from "../gen/gateway/v1/matching_pb.ts";
import type { CandidateScore } from "../gen/platform/matching/v1/matching_pb.ts";
import type { Platform } from "../upstream/platform.ts";
import { demandTaskOwner } from "./access.ts";
import { createProposalCalls } from "./proposals.ts";
import { DEFAULT_CANDIDATES, DEFAULT_STRATEGY } from "./scoring-defaults.ts";
import { fetchTask } from "./tasks.ts";

/** How many online developers are scored at most. */
const MAX_CANDIDATES = 100;

/** What is scored: a task's values, from a request or as stored. */
interface ScoringInput {
  readonly taskId: string;
  readonly skillTags: string[];
  readonly budgetLowerBound: number;
  readonly budgetUpperBound: number;
  readonly title: string;
  readonly description: string;
}

/** Routes 17 to 25: who fits a task is here, what becomes of it in proposals.ts. */
export function createMatchingService(platform: Platform): ServiceImpl<typeof MatchingService> {
  return {
    ...createProposalCalls(platform),

    async scoreCandidates({ limit = DEFAULT_CANDIDATES, strategy = DEFAULT_STRATEGY, ...values }, context) {
      const task = scoringInput(values);
      demandTaskOwner(callerOf(context), await fetchTask(platform, task.taskId, context));
      return score(platform, task, limit, strategy, context);
    },

    async filterCandidates(request, context) {
      const task = scoringInput(request);
      demandTaskOwner(callerOf(context), await fetchTask(platform, task.taskId, context));
      const { minRating = 0, maxHourlyRate = 0, requiredSkills, onlineOnly, candidateUserIds } = request;
      const criteria = { minRating, maxHourlyRate, requiredSkills, onlineOnly };
      const answer = await platform.recommendation.filterCandidates({ task, candidateUserIds, criteria }, context);
      return { filteredUserIds: answer.filteredUserIds, totalFiltered: Math.max(0, answer.totalFiltered) };
    },

    async getRecommendations({ taskId, limit = DEFAULT_CANDIDATES, strategy = DEFAULT_STRATEGY }, context) {
      const task = await fetchTask(platform, taskId, context);
      demandTaskOwner(callerOf(context), task);
      return score(platform, scoringInput(task), limit, strategy, context);
    },

    async getMatchingHealth(_request, context) {
      const { healthy, status, checks } = await platform.recommendation.health({}, context);
      return { healthy, status, checks };
    },
  };
}

/** Picks the task's values; the field rules have seen to it that a request has them all. */
function scoringInput(from: { [K in keyof ScoringInput]?: ScoringInput[K] | undefined }): ScoringInput {
  return {
    taskId: from.taskId ?? "",
    skillTags: from.skillTags ?? [],
    budgetLowerBound: from.budgetLowerBound ?? 0,
    budgetUpperBound: from.budgetUpperBound ?? 0,
    title: from.title ?? "",
    description: from.description ?? "",
  };
}

async function score(platform: Platform, task: ScoringInput, limit: number, strategy: string, context: HandlerContext) {
  const { skillTags, budgetLowerBound, budgetUpperBound, taskId } = task;
  const filter = { skillTags, budgetLowerBound, budgetUpperBound, limit: MAX_CANDIDATES };
  const { developers } = await platform.users.listOnlineDevelopers(filter, context);
  const metadata = { totalCandidates: developers.length, strategyUsed: strategy, taskId };
  if (developers.length === 0) {
    return { candidates: [], metadata: { ...metadata, message: "No online developers match this task" } };
  }
  const candidates = developers.map(({ userId, skillTags, hourlyRate, rating, updatedAt }) => ({
    userId,
    skillTags,
    hourlyRate,
    rating,
    ...(updatedAt && { lastActiveAt: updatedAt }),
  }));
  const request = { task, candidates, limit, strategy: { name: strategy } };
  const answer = await platform.recommendation.scoreTaskCandidates(request, context);
  // A service that leaves the name out used the one we asked for.
  const strategyUsed = answer.metadata?.strategyUsed || strategy;
  return { candidates: answer.scores.map(toCandidate), metadata: { ...metadata, strategyUsed } };
}

function toCandidate({ userId, score, breakdown, reasons }: CandidateScore) {
  if (breakdown === undefined) return { userId, score, reasons };
  // The two messages have the same fields; the type's own name must not come along.
  const { $typeName: _name, $unknown: _unknown, ...parts } = breakdown;
  return { userId, score, reasons, breakdown: parts };
}
