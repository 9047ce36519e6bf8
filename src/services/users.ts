import type { ServiceImpl } from "@connectrpc/connect";
import { callerOf, requestContextOf } from "../context.ts";
import { GatewayError } from "../errors.ts";
import type { UsersService } from "../gen/gateway/v1/users_pb.ts";
import { UserPresenceStatus } from "../gen/platform/common/v1/common_pb.ts";
import type { DeveloperProfile } from "../gen/platform/users/v1/users_pb.ts";
import type { Platform } from "../upstream/platform.ts";
import type { PresenceName } from "../upstream/presence-client.ts";
import { type CallContext, fetchedNow } from "../upstream/upstream-client.ts";
import { createMerge } from "./merge.ts";
import { demandAnswer, toPublicProfile, toPublicUser } from "./public-messages.ts";

const DEFAULT_LIMIT = 50;

/** Every field that UpdateDeveloperProfile replaces: a change of all of them needs no look at the present state. */
const REPLACED_FIELDS = ["skill_tags", "hourly_rate", "bio", "links"];

/** What the Presence Service calls a status. */
const PRESENCE_NAMES: Readonly<Partial<Record<UserPresenceStatus, PresenceName>>> = {
  [UserPresenceStatus.OFFLINE]: "OFFLINE",
  [UserPresenceStatus.IDLE]: "IDLE",
  [UserPresenceStatus.SEARCHING]: "SEARCHING",
};

/** Routes 6 to 11. `keepAlive` carries work that goes on after the answer. */
export function createUsersService(
  platform: Platform,
  keepAlive: (work: Promise<void>) => void,
): ServiceImpl<typeof UsersService> {
  return {
    async createDeveloper({ displayName = "", email = "", skillTags, hourlyRate = 0 }, context) {
      const { userId } = callerOf(context);
      const request = { userId, displayName, email, skillTags, hourlyRate };
      const { profile } = await platform.users.createDeveloperProfile(request, context);
      return { profile: toPublicProfile(demandAnswer(profile, "profile")) };
    },

    async updateDeveloper({ userId, changes, updateMask }, context) {
      const merge = createMerge(updateMask);
      const replacesAll = REPLACED_FIELDS.every((field) => updateMask?.paths.includes(field));
      const current = replacesAll ? undefined : await fetchProfileToMerge(platform, userId, context);
      await platform.users.updateDeveloperProfile(
        {
          userId,
          skillTags: merge("skill_tags", changes?.skillTags, [], current?.skillTags ?? []),
          hourlyRate: merge("hourly_rate", changes?.hourlyRate, 0, current?.hourlyRate ?? 0),
          bio: merge("bio", changes?.bio, "", current?.bio ?? ""),
          links: merge("links", changes?.links, [], current?.links ?? []),
        },
        context,
      );
      return { message: "Profile updated successfully" };
    },

    async updatePresence({ userId, presence = UserPresenceStatus.UNSPECIFIED }, context) {
      await platform.users.updatePresence({ userId, presence }, context);
      const name = PRESENCE_NAMES[presence];
      // Not awaited: the User Service has the truth, and a slow side dependency must not slow this answer.
      if (name !== undefined) keepAlive(platform.presence.tell(userId, name, requestContextOf(context.values)));
      return { message: "Presence updated successfully" };
    },

    async listDevelopers({ skillTags, budgetLowerBound = 0, budgetUpperBound = 0, limit = DEFAULT_LIMIT }, context) {
      const request = { skillTags, budgetLowerBound, budgetUpperBound, limit };
      const { developers } = await platform.users.listOnlineDevelopers(request, context);
      return { developers: developers.map(toPublicProfile) };
    },

    async getDeveloper({ userId }, context) {
      const { profile } = await platform.users.getDeveloperProfile({ userId }, context);
      return { profile: toPublicProfile(demandAnswer(profile, "profile")) };
    },

    async getCurrentUser(_request, context) {
      const { userId } = callerOf(context);
      const [{ user }, profile] = await Promise.all([
        platform.users.getUser({ userId }, context),
        findProfile(platform, userId, context),
      ]);
      const { $typeName: _, ...account } = toPublicUser(demandAnswer(user, "user"));
      return { ...account, ...(profile && { developerProfile: toPublicProfile(profile) }) };
    },
  };
}

/** The profile, or undefined where there is none, or where the User Service is too old to be asked. */
async function findProfile(
  platform: Platform,
  userId: string,
  context: CallContext,
): Promise<DeveloperProfile | undefined> {
  try {
    return (await platform.users.getDeveloperProfile({ userId }, context)).profile;
  } catch (error) {
    if (isGatewayError(error, "NOT_FOUND") || isGatewayError(error, "UNIMPLEMENTED")) return undefined;
    throw error;
  }
}

async function fetchProfileToMerge(platform: Platform, userId: string, context: CallContext) {
  try {
    const { profile } = await platform.users.getDeveloperProfile({ userId }, fetchedNow(context));
    return demandAnswer(profile, "profile");
  } catch (error) {
    if (!isGatewayError(error, "UNIMPLEMENTED")) throw error;
    throw new GatewayError(
      "UNIMPLEMENTED",
      `The user service cannot be asked for the present profile, so a change of some fields would lose the others. Send all of ${REPLACED_FIELDS.join(", ")}.`,
      { cause: error },
    );
  }
}

function isGatewayError(error: unknown, code: GatewayError["errorCode"]): boolean {
  return error instanceof GatewayError && error.errorCode === code;
}
