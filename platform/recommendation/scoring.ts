import { skillKeys } from "../skills.ts";

/** What scoring needs to know of a task. */
export interface ScoredTask {
  skillTags: readonly string[];
  budgetLowerBound: number;
  budgetUpperBound: number;
}

/** What scoring needs to know of a developer. */
export interface Candidate {
  userId: string;
  skillTags: readonly string[];
  hourlyRate: number;
  /** 0 to 5. */
  rating: number;
}

/** How much each part of a score counts. They add up to 1, so that a score is between 0 and 1. */
export interface Weights {
  skillMatch: number;
  priceCompatibility: number;
  rating: number;
}

/** A developer's score, its parts (each between 0 and 1, before weighting), and what made it. */
export interface Score {
  userId: string;
  score: number;
  parts: Weights;
  reasons: string[];
}

/**
 * Scores candidates, best first; equal scores are in the order of their ids. The formula is the platform's own:
 * 0.5 × (matching skills ÷ required skills) + 0.3 × (1 − |rate − midpoint| ÷ midpoint, not below 0) +
 * 0.2 × (rating ÷ 5), where the midpoint is the budget's.
 */
export function scoreCandidates(task: ScoredTask, candidates: readonly Candidate[], weights: Weights): Score[] {
  const required = skillKeys(task.skillTags);
  // Halved first: the sum of two amounts may be more than a number can be.
  const midpoint = task.budgetLowerBound / 2 + task.budgetUpperBound / 2;
  const scores = candidates.map((candidate) => scoreOne(candidate, required, midpoint, weights));
  return scores.sort((a, b) => b.score - a.score || (a.userId < b.userId ? -1 : 1));
}

function scoreOne(candidate: Candidate, required: Set<string>, midpoint: number, weights: Weights): Score {
  const own = skillKeys(candidate.skillTags);
  const matching = [...required].filter((skill) => own.has(skill)).length;
  const parts = {
    // A task that asks for nothing is met by everybody.
    skillMatch: required.size === 0 ? 1 : matching / required.size,
    priceCompatibility: priceCompatibility(candidate.hourlyRate, midpoint),
    rating: candidate.rating / 5,
  };
  const score =
    weights.skillMatch * parts.skillMatch +
    weights.priceCompatibility * parts.priceCompatibility +
    weights.rating * parts.rating;
  return { userId: candidate.userId, score, parts, reasons: reasonsFor(candidate, parts, matching, required.size) };
}

/** 1 at the budget's midpoint, falling to 0 at nothing and at twice the midpoint. Without a budget only free fits. */
function priceCompatibility(rate: number, midpoint: number): number {
  if (midpoint === 0) return rate === 0 ? 1 : 0;
  return Math.max(0, 1 - Math.abs(rate - midpoint) / midpoint);
}

function reasonsFor(candidate: Candidate, parts: Weights, matching: number, required: number): string[] {
  const reasons = [`has ${matching} of ${required} required skills`];
  if (parts.priceCompatibility >= 0.8) reasons.push(`rate of ${candidate.hourlyRate} is close to the budget`);
  else if (parts.priceCompatibility === 0) reasons.push(`rate of ${candidate.hourlyRate} is far from the budget`);
  reasons.push(candidate.rating === 0 ? "not rated yet" : `rated ${candidate.rating} of 5`);
  return reasons;
}
