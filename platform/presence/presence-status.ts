import { UserPresenceStatusSchema } from "#gen/platform/common/v1/common_pb.ts";

/** Short and long names (`IDLE`, `USER_PRESENCE_STATUS_IDLE`) to the short one. */
const names = new Map(
  UserPresenceStatusSchema.values
    .filter(({ number }) => number !== 0)
    .flatMap(({ name, localName }) => [
      [name, localName],
      [localName, localName],
    ]),
);

/** The short names, for people. */
export const presenceStatusNames = [...new Set(names.values())];

/** The short name of a status, given by either name in any case; undefined if it is none. */
export function presenceStatus(name: unknown): string | undefined {
  return typeof name === "string" ? names.get(name.toUpperCase()) : undefined;
}
