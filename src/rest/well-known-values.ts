import { create } from "@bufbuild/protobuf";
import { protoSnakeCase } from "@bufbuild/protobuf/reflect";
import {
  type Duration,
  DurationSchema,
  type FieldMask,
  FieldMaskSchema,
  type Timestamp,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import { Refusal } from "./refusal.ts";

const NOT_A_TIMESTAMP = new Refusal("must be an RFC 3339 timestamp such as 2026-01-31T12:00:00Z");
const NOT_A_DURATION = new Refusal("must be a duration in seconds such as 1.5s");
const NOT_A_MASK = new Refusal("must be field names joined by commas");

/** RFC 3339 section 5.6 as ProtoJSON narrows it: T and Z in upper case, nine decimals at most. */
const TIMESTAMP =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))$/;

/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: the years that google.protobuf.Timestamp covers. */
const FIRST_SECOND = -62_135_596_800;
const LAST_SECOND = 253_402_300_799;

/** An instant. No leap second, no day that its month does not have. */
export function parseTimestamp(text: string): Timestamp | Refusal {
  const match = TIMESTAMP.exec(text);
  if (match === null) return NOT_A_TIMESTAMP;
  const [, local = "", fraction = "", sign, hours = "0", minutes = "0"] = match;
  const ms = Date.parse(`${local}Z`);
  // Date.parse takes 30 February for 1 March: only a date that comes back as it went in exists.
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== local) return NOT_A_TIMESTAMP;
  if (Number(hours) > 23 || Number(minutes) > 59) return NOT_A_TIMESTAMP;
  const offset = (Number(hours) * 60 + Number(minutes)) * 60;
  const seconds = ms / 1000 - (sign === "-" ? -offset : offset);
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND) return NOT_A_TIMESTAMP;
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: toNanos(fraction) });
}

const DURATION = /^(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))?s$/;

/** About 10 000 years: the bound of a google.protobuf.Duration's seconds, whatever its nanoseconds. */
const LONGEST_DURATION = 315_576_000_000;

/** A signed length of time; seconds and nanoseconds have the same sign. */
export function parseDuration(text: string): Duration | Refusal {
  const match = DURATION.exec(text);
  if (match === null) return NOT_A_DURATION;
  const [, sign, whole = "", fraction = ""] = match;
  const seconds = Number(whole);
  const nanos = toNanos(fraction);
  if (seconds > LONGEST_DURATION) return NOT_A_DURATION;
  if (sign === "") return create(DurationSchema, { seconds: BigInt(seconds), nanos });
  return create(DurationSchema, { seconds: BigInt(-seconds), nanos: nanos === 0 ? 0 : -nanos });
}

function toNanos(fraction: string): number {
  return Number(fraction.padEnd(9, "0"));
}

const MASK_PATH = /^[a-z_][A-Za-z0-9_]*(?:\.[a-z_][A-Za-z0-9_]*)*$/;

/**
 * Field paths joined by commas, in lowerCamel (ProtoJSON) or as in the `.proto`, which is what this API's own names
 * are. The result has the latter. "" is the empty mask.
 */
export function parseFieldMask(text: string): FieldMask | Refusal {
  if (text === "") return create(FieldMaskSchema);
  const paths = text.split(",");
  if (!paths.every((path) => MASK_PATH.test(path))) return NOT_A_MASK;
  return create(FieldMaskSchema, { paths: paths.map(protoSnakeCase) });
}
