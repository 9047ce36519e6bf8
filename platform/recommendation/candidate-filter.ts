import type { FilterCriteria } from "#gen/platform/matching/v1/matching_pb.ts";
import { skillKeys } from "../skills.ts";
import { isOnline, type Profile } from "../users/profiles.ts";

/** What narrows a list of candidates. `timezone_preference` does not: profiles know no time zone. */
export type Criteria = Pick<
  FilterCriteria,
  "minRating" | "maxHourlyRate" | "requiredSkills" | "excludedSkills" | "onlineOnly" | "maxHoursSinceActive"
>;

/** A test for profiles. A criterion at its default does not narrow. */
export function candidateFilter(criteria: Criteria, now: number): (profile: Profile) => boolean {
  const required = [...skillKeys(criteria.requiredSkills)];
  const excluded = [...skillKeys(criteria.excludedSkills)];
  const activeSince = criteria.maxHoursSinceActive === 0 ? 0 : now - criteria.maxHoursSinceActive * 3_600_000;
  return (profile) => {
    const skills = skillKeys(profile.skillTags);
    return (
      profile.rating >= criteria.minRating &&
      (criteria.maxHourlyRate === 0 || profile.hourlyRate <= criteria.maxHourlyRate) &&
      required.every((skill) => skills.has(skill)) &&
      !excluded.some((skill) => skills.has(skill)) &&
      (!criteria.onlineOnly || isOnline(profile.presence)) &&
      profile.updatedAt >= activeSince
    );
  };
}
