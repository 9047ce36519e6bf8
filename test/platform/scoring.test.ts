import { expect, test } from "vitest";
import { type Candidate, type ScoredTask, scoreCandidates } from "#platform/recommendation/scoring.ts";
import { weightsFrom, weightsToWire } from "#platform/recommendation/strategies.ts";

const task: ScoredTask = { skillTags: ["typescript", "react"], budgetLowerBound: 50, budgetUpperBound: 150 };
const candidate: Candidate = { userId: "usr_a", skillTags: ["typescript", "react"], hourlyRate: 100, rating: 5 };

// Worked out by hand: 0.5 × skills + 0.3 × price + 0.2 × rating.
test.each<[why: string, Partial<ScoredTask>, Partial<Candidate>, parts: [number, number, number], score: number]>([
  ["everything fits", {}, {}, [1, 1, 1], 1],
  ["half of the skills", {}, { skillTags: ["React"] }, [0.5, 1, 1], 0.75],
  ["other skills do not count", {}, { skillTags: ["react", "go", "css"] }, [0.5, 1, 1], 0.75],
  ["a skill twice counts once", {}, { skillTags: ["react", "REACT"] }, [0.5, 1, 1], 0.75],
  ["no skill", {}, { skillTags: [] }, [0, 1, 1], 0.5],
  ["a task that asks for nothing", { skillTags: [] }, { skillTags: [] }, [1, 1, 1], 1],
  ["a quarter over the midpoint", {}, { hourlyRate: 125 }, [1, 0.75, 1], 0.925],
  ["a quarter under it", {}, { hourlyRate: 75 }, [1, 0.75, 1], 0.925],
  ["for free", {}, { hourlyRate: 0 }, [1, 0, 1], 0.7],
  ["twice the midpoint", {}, { hourlyRate: 200 }, [1, 0, 1], 0.7],
  ["far beyond: not below 0", {}, { hourlyRate: 5000 }, [1, 0, 1], 0.7],
  ["no budget, for free", { budgetLowerBound: 0, budgetUpperBound: 0 }, { hourlyRate: 0 }, [1, 1, 1], 1],
  ["no budget, for money", { budgetLowerBound: 0, budgetUpperBound: 0 }, { hourlyRate: 1 }, [1, 0, 1], 0.7],
  ["rated 4 of 5", {}, { rating: 4 }, [1, 1, 0.8], 0.96],
  ["not rated", {}, { rating: 0 }, [1, 1, 0], 0.8],
  ["a bit of each", {}, { skillTags: ["react"], hourlyRate: 80, rating: 4.5 }, [0.5, 0.8, 0.9], 0.67],
])("a score: %s", (_why, taskChange, candidateChange, [skillMatch, priceCompatibility, rating], expected) => {
  const [score] = scoreCandidates({ ...task, ...taskChange }, [{ ...candidate, ...candidateChange }], weightsFrom({}));
  expect(score!.parts.skillMatch).toBeCloseTo(skillMatch, 12);
  expect(score!.parts.priceCompatibility).toBeCloseTo(priceCompatibility, 12);
  expect(score!.parts.rating).toBeCloseTo(rating, 12);
  expect(score!.score).toBeCloseTo(expected, 12);
});

test("scores come best first, equal ones by id, whatever the order of the candidates", () => {
  const candidates = [
    { ...candidate, userId: "usr_c" },
    { ...candidate, userId: "usr_a", rating: 1 },
    { ...candidate, userId: "usr_b" },
  ];
  const order = (list: Candidate[]) => scoreCandidates(task, list, weightsFrom({})).map(({ userId }) => userId);
  expect(order(candidates)).toEqual(["usr_b", "usr_c", "usr_a"]);
  expect(order(candidates.toReversed())).toEqual(["usr_b", "usr_c", "usr_a"]);
});

test("reasons say what a person would ask", () => {
  const reasons = (change: Partial<Candidate>) =>
    scoreCandidates(task, [{ ...candidate, ...change }], weightsFrom({}))[0]!.reasons;
  expect(reasons({})).toEqual(["has 2 of 2 required skills", "rate of 100 is close to the budget", "rated 5 of 5"]);
  expect(reasons({ hourlyRate: 60, rating: 0 })).toEqual(["has 2 of 2 required skills", "not rated yet"]);
  expect(reasons({ hourlyRate: 300 })).toContain("rate of 300 is far from the budget");
});

test("weights are the formula's, unless the request has its own, which are brought to a sum of 1", () => {
  expect(weightsToWire(weightsFrom({}))).toEqual({ skill_match: 0.5, price_compatibility: 0.3, rating: 0.2 });
  expect(weightsToWire(weightsFrom({ skill_match: 3, rating: 1 }))).toEqual({
    skill_match: 0.75,
    price_compatibility: 0,
    rating: 0.25,
  });
});

test.each([
  [{ luck: 1 }],
  [{ rating: -1, skill_match: 2 }],
  [{ rating: 0 }],
  [{ rating: Number.NaN }],
  [{ rating: Number.POSITIVE_INFINITY }],
  [{ toString: 1 }],
])("weights %j are refused", (weights) => {
  expect(() => weightsFrom(weights as unknown as Record<string, number>)).toThrow(/weights must be numbers from 0/);
});
