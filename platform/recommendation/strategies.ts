import { invalidArgument } from "../rpc/refusals.ts";
import type { Weights } from "./scoring.ts";

/** The platform's own weights. */
const formulaWeights: Weights = { skillMatch: 0.5, priceCompatibility: 0.3, rating: 0.2 };

/**
 * The names of the deployed strategies. There each weighs in its own way; here all of them are the one formula, so
 * that whoever develops against this can work out any score by hand.
 */
const strategyNames: readonly string[] = ["skill_match", "ml_hybrid", "greedy", "balanced"];

/** The strategy to use: `balanced` unless told, and never an unknown one. */
export function strategyNamed(name: string): string {
  if (name === "") return "balanced";
  if (strategyNames.includes(name)) return name;
  throw invalidArgument(`strategy must be one of ${strategyNames.join(", ")}`);
}

/** Names of the weights on the wire. */
const wireNames = { skill_match: "skillMatch", price_compatibility: "priceCompatibility", rating: "rating" } as const;

/**
 * The weights to use: the formula's, unless the request has its own. Those need not add up to 1, they are brought
 * there; a part that is not named counts nothing.
 */
export function weightsFrom(wire: Readonly<Record<string, number>>): Weights {
  const entries = Object.entries(wire);
  if (entries.length === 0) return formulaWeights;
  const sum = entries.reduce((total, [, weight]) => total + weight, 0);
  const usable = entries.every(([name, weight]) => Object.hasOwn(wireNames, name) && weight >= 0);
  if (!usable || !Number.isFinite(sum) || sum === 0) {
    throw invalidArgument(`weights must be numbers from 0, not all 0, for ${Object.keys(wireNames).join(", ")}`);
  }
  return {
    skillMatch: (wire.skill_match ?? 0) / sum,
    priceCompatibility: (wire.price_compatibility ?? 0) / sum,
    rating: (wire.rating ?? 0) / sum,
  };
}

/** The weights as the metadata of an answer shows them. */
export function weightsToWire(weights: Weights): Record<string, number> {
  return Object.fromEntries(Object.entries(wireNames).map(([wire, name]) => [wire, weights[name]]));
}
