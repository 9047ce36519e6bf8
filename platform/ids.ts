import { randomUUID } from "node:crypto";

/** A new id that nobody can guess, with a prefix that tells a reader what it names: `tsk_3f2a…`. */
export function newId(prefix: "usr" | "tsk" | "prp"): string {
  return `${prefix}_${randomUUID().replaceAll("-", "")}`;
}
