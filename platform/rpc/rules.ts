import type { DescEnum } from "@bufbuild/protobuf";
import { invalidArgument } from "./refusals.ts";

/** What is wrong with a field, or undefined when nothing is. */
export type Violation = string | undefined;

/** Refuses a request with everything that is wrong with it, so that a caller need not find out one by one. */
export function requireValid(...violations: readonly Violation[]): void {
  const found = violations.filter((violation) => violation !== undefined);
  if (found.length > 0) throw invalidArgument(found.join("; "));
}

/** An id: letters, digits and `._:-`, at most 128, beginning with a letter or digit. */
export function identifier(field: string, value: string): Violation {
  if (value === "") return `${field} is required`;
  return /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/.test(value) ? undefined : `${field} is not an id`;
}

/** An id, or empty where the field may be left out. */
export function optionalIdentifier(field: string, value: string): Violation {
  return value === "" ? undefined : identifier(field, value);
}

/** A text that is not blank, between two lengths in code points. */
export function text(field: string, value: string, length: { min?: number; max: number }): Violation {
  const { min = 1, max } = length;
  if (value.trim() === "") return `${field} must not be blank`;
  const points = [...value].length;
  return points < min || points > max ? `${field} must have ${min} to ${max} characters` : undefined;
}

/** A text that may be empty but not longer than `max` code points. */
export function atMost(field: string, value: string, max: number): Violation {
  return [...value].length > max ? `${field} must have at most ${max} characters` : undefined;
}

/** An e-mail address, as far as can be told without sending to it. */
export function emailAddress(field: string, value: string): Violation {
  const looksRight = /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/.test(value) && value.length <= 254;
  return looksRight ? undefined : `${field} must be an e-mail address`;
}

/** A password's length; what else it must have is the gateway's rule. */
export function password(field: string, value: string): Violation {
  const points = [...value].length;
  return points < 8 || points > 128 ? `${field} must have 8 to 128 characters` : undefined;
}

/** An amount of money or a measure: finite and not negative. */
export function amount(field: string, value: number): Violation {
  return Number.isFinite(value) && value >= 0 ? undefined : `${field} must be a number that is not negative`;
}

/** A number within two others. */
export function between(field: string, value: number, min: number, max: number): Violation {
  return value >= min && value <= max ? undefined : `${field} must be between ${min} and ${max}`;
}

/** Both bounds of a budget that a task needs: amounts, the lower one lower. */
export function budget(lower: number, upper: number): Violation {
  const wrong = amount("budget_lower_bound", lower) ?? amount("budget_upper_bound", upper);
  if (wrong !== undefined) return wrong;
  return lower < upper ? undefined : "budget_lower_bound must be lower than budget_upper_bound";
}

/** A list of texts, none of them blank or too long. */
export function list(
  field: string,
  values: readonly string[],
  limits: { min?: number; max: number; itemMax: number },
): Violation {
  const { min = 0, max, itemMax } = limits;
  if (values.length < min || values.length > max) return `${field} must have ${min} to ${max} entries`;
  return values.map((value) => text(`each of ${field}`, value, { max: itemMax })).find((wrong) => wrong !== undefined);
}

/** The skills of a task or a developer, who has at least one. */
export function skillTags(field: string, values: readonly string[]): Violation {
  return list(field, values, { min: 1, max: 50, itemMax: 64 });
}

/** Skills to narrow by, where none means all. */
export function anySkillTags(field: string, values: readonly string[]): Violation {
  return list(field, values, { max: 50, itemMax: 64 });
}

/** A web address, or empty. */
export function webAddressOrEmpty(field: string, value: string): Violation {
  if (value === "") return undefined;
  const isWeb = /^https?:\/\//i.test(value) && URL.canParse(value) && value.length <= 2048;
  return isWeb ? undefined : `${field} must be an http or https URL, or empty`;
}

/** An enum value that the contract knows and that says something. */
export function known(field: string, enumeration: DescEnum, value: number): Violation {
  return value !== 0 && enumeration.value[value] !== undefined ? undefined : `${field} must be given and known`;
}

/** An enum value to narrow by, where unspecified means all. */
export function knownOrUnspecified(field: string, enumeration: DescEnum, value: number): Violation {
  return value === 0 ? undefined : known(field, enumeration, value);
}
