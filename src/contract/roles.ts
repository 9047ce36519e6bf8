import { Role } from "../gen/policy/v1/policy_pb.ts";

const NAMES: readonly (readonly [Role, string])[] = [
  [Role.CLIENT, "CLIENT"],
  [Role.DEVELOPER, "DEVELOPER"],
  [Role.ADMIN, "ADMIN"],
];

/** A role as tokens and metadata spell it. */
export function roleName(role: Role): string {
  const found = NAMES.find(([candidate]) => candidate === role);
  if (found === undefined) throw new Error(`a caller without a role: ${role}`);
  return found[1];
}

/** The role of that exact name; undefined for any other text. */
export function roleOf(name: unknown): Role | undefined {
  return NAMES.find(([, candidate]) => candidate === name)?.[0];
}
