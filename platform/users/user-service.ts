import type { ServiceImpl } from "@connectrpc/connect";
import {
  UserPresenceStatus,
  UserPresenceStatusSchema,
  UserType,
  UserTypeSchema,
} from "#gen/platform/common/v1/common_pb.ts";
import type { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { newId } from "../ids.ts";
import { limitWithin, pageLimit } from "../rpc/paging.ts";
import { alreadyExists, notFound, permissionDenied, unauthenticated } from "../rpc/refusals.ts";
import {
  amount,
  anySkillTags,
  atMost,
  emailAddress,
  identifier,
  known,
  list,
  optionalIdentifier,
  password,
  requireValid,
  skillTags,
  text,
} from "../rpc/rules.ts";
import { type Accounts, userMessage } from "./accounts.ts";
import type { Passwords } from "./passwords.ts";
import { type Profiles, profileMessage } from "./profiles.ts";

const onlineLimits = { default: 50, max: 1000 };

/** What the User Service works with. */
export interface UserServiceParts {
  accounts: Accounts;
  profiles: Profiles;
  passwords: Passwords;
  now: () => number;
}

/** The User Service: accounts, developer profiles, and the authority on presence. */
export function createUserService(parts: UserServiceParts): ServiceImpl<typeof UserService> {
  const { accounts, profiles, passwords, now } = parts;
  return {
    async createUser(request, { signal }) {
      const { email, displayName, userType } = request;
      requireValid(
        emailAddress("email", email),
        password("password", request.password),
        text("display_name", displayName, { min: 2, max: 255 }),
        known("user_type", UserTypeSchema, userType),
      );
      if (userType === UserType.ADMIN) throw permissionDenied("administrators cannot be registered");
      // Asked before the hash, which is expensive, and again by the insert, since others may come in between.
      if (accounts.findByEmail(email) !== undefined) throw alreadyExists("the e-mail address has an account");
      const passwordHash = await passwords.hash(request.password, signal);
      const userId = newId("usr");
      if (!accounts.add({ userId, email, displayName, userType, passwordHash, now: now() })) {
        throw alreadyExists("the e-mail address has an account");
      }
      return { user: userMessage(accounts.find(userId)!) };
    },

    async authenticateUser(request, { signal }) {
      const account = accounts.findByEmail(request.email);
      const right = await passwords.verify(request.password, account?.password_hash, signal);
      if (account === undefined || !right) throw unauthenticated("the e-mail address or the password is wrong");
      accounts.loggedIn(account.user_id, now());
      return { user: userMessage(accounts.find(account.user_id)!) };
    },

    getUser({ userId }) {
      requireValid(identifier("user_id", userId));
      const account = accounts.find(userId);
      if (account === undefined) throw notFound("user", userId);
      return { user: userMessage(account) };
    },

    createDeveloperProfile(request) {
      const { displayName, email, hourlyRate } = request;
      requireValid(
        optionalIdentifier("user_id", request.userId),
        text("display_name", displayName, { min: 2, max: 255 }),
        emailAddress("email", email),
        skillTags("skill_tags", request.skillTags),
        amount("hourly_rate", hourlyRate),
      );
      const profile = {
        userId: request.userId || newId("usr"),
        displayName,
        email,
        skillTags: request.skillTags,
        hourlyRate,
        rating: 0,
        presence: UserPresenceStatus.OFFLINE,
        bio: "",
        links: [],
        updatedAt: now(),
      };
      if (!profiles.add(profile)) throw alreadyExists(`user ${profile.userId} has a developer profile`);
      return { profile: profileMessage(profile) };
    },

    getDeveloperProfile({ userId }) {
      requireValid(identifier("user_id", userId));
      const profile = profiles.find(userId);
      if (profile === undefined) throw notFound("the developer profile of user", userId);
      return { profile: profileMessage(profile) };
    },

    updateDeveloperProfile({ userId, hourlyRate, bio, links, ...request }) {
      requireValid(
        identifier("user_id", userId),
        skillTags("skill_tags", request.skillTags),
        amount("hourly_rate", hourlyRate),
        atMost("bio", bio, 10_000),
        list("links", links, { max: 50, itemMax: 2048 }),
      );
      const change = { userId, skillTags: request.skillTags, hourlyRate, bio, links, updatedAt: now() };
      if (!profiles.update(change)) throw notFound("the developer profile of user", userId);
      return {};
    },

    updatePresence({ userId, presence }) {
      requireValid(identifier("user_id", userId), known("presence", UserPresenceStatusSchema, presence));
      if (!profiles.updatePresence(userId, presence, now())) throw notFound("the developer profile of user", userId);
      return {};
    },

    listOnlineDevelopers({ budgetLowerBound, budgetUpperBound, limit, ...request }) {
      requireValid(
        anySkillTags("skill_tags", request.skillTags),
        amount("budget_lower_bound", budgetLowerBound),
        amount("budget_upper_bound", budgetUpperBound),
        budgetUpperBound > 0 && budgetLowerBound > budgetUpperBound
          ? "budget_lower_bound must not be higher than budget_upper_bound"
          : undefined,
        limitWithin(limit, onlineLimits),
      );
      const query = { skillTags: request.skillTags, budgetLowerBound, budgetUpperBound };
      const developers = profiles.listOnline({ ...query, limit: pageLimit(limit, onlineLimits) });
      return { developers: developers.map(profileMessage) };
    },
  };
}
