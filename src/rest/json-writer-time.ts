/** Timestamp and Duration as JSON text: RFC 3339 in UTC, and seconds with an `s`. */
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { unwritable } from "./unwritable.ts";

/** 0001-01-01T00:00:00Z, in seconds since the epoch. */
const FIRST_SECOND = -62_135_596_800;
/** 9999-12-31T23:59:59Z. */
const LAST_SECOND = 253_402_300_799;
/** 10000 years, either way. */
const LONGEST_SECONDS = 315_576_000_000;
const NANOS_PER_SECOND = 1_000_000_000;

export function writeTimestamp({ seconds, nanos }: Timestamp): string {
  const at = Number(seconds);
  if (at < FIRST_SECOND || at > LAST_SECOND || nanos < 0 || nanos >= NANOS_PER_SECOND) {
    throw unwritable("google.protobuf.Timestamp", `of ${seconds} s and ${nanos} ns is not in the years 1 to 9999`);
  }
  return `"${dateAndTime(at)}${fraction(nanos)}Z"`;
}

export function writeDuration({ seconds, nanos }: Duration): string {
  const whole = Number(seconds);
  const mixedSigns = (whole > 0 && nanos < 0) || (whole < 0 && nanos > 0);
  if (mixedSigns || Math.abs(whole) > LONGEST_SECONDS || Math.abs(nanos) >= NANOS_PER_SECOND) {
    throw unwritable("google.protobuf.Duration", `of ${seconds} s and ${nanos} ns is out of range`);
  }
  const sign = whole < 0 || nanos < 0 ? "-" : "";
  return `"${sign}${Math.abs(whole)}${fraction(Math.abs(nanos))}s"`;
}

/** Nothing, or a point with 3, 6 or 9 digits. */
function fraction(nanos: number): string {
  if (nanos === 0) return "";
  const digits = String(nanos).padStart(9, "0");
  if (digits.endsWith("000000")) return `.${digits.substring(0, 3)}`;
  return digits.endsWith("000") ? `.${digits.substring(0, 6)}` : `.${digits}`;
}

const TWO_DIGITS = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, "0"));

/**
 * `2024-02-29T12:30:00` for seconds since the epoch. Date.toISOString says the same in five times the time, and a list
 * of tasks has two of them a row. The calendar is Howard Hinnant's civil_from_days: years begin in March, so that the
 * leap day comes last, and repeat after an era of 400.
 */
function dateAndTime(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const second = seconds - days * 86_400;
  const sinceYear0 = days + 719_468;
  const era = Math.floor(sinceYear0 / 146_097);
  const dayOfEra = sinceYear0 - era * 146_097;
  const leapDays = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0);
  const date = `${two(Math.floor(year / 100))}${two(year % 100)}-${two(month)}-${two(day)}`;
  return `${date}T${two(Math.floor(second / 3600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}`;
}

function two(number: number): string {
  return TWO_DIGITS[number] as string;
}
