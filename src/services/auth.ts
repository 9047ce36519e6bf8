import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { type Caller, callerOf, requestContextOf } from "../context.ts";
import { isId } from "../contract/string-formats.ts";
import { authenticationError, GatewayError } from "../errors.ts";
import type { AuthService } from "../gen/gateway/v1/auth_pb.ts";
import { UserType } from "../gen/platform/common/v1/common_pb.ts";
import type { User } from "../gen/platform/users/v1/users_pb.ts";
import { Role } from "../gen/policy/v1/policy_pb.ts";
import type { AccessTokens } from "../identity/access-token.ts";
import type { RefreshTokens } from "../identity/refresh-token.ts";
import type { Session, SessionStore } from "../identity/session-store.ts";
import type { Platform } from "../upstream/platform.ts";
import { type CallContext, fetchedNow } from "../upstream/upstream-client.ts";
import { demandAnswer, toPublicUser } from "./public-messages.ts";

export interface AuthDependencies {
  readonly platform: Platform;
  readonly accessTokens: AccessTokens;
  readonly refreshTokens: RefreshTokens;
  readonly sessions: SessionStore;
  readonly refreshLifetimeSeconds: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const ROLES: Readonly<Partial<Record<UserType, Role>>> = {
  [UserType.CLIENT]: Role.CLIENT,
  [UserType.DEVELOPER]: Role.DEVELOPER,
  [UserType.ADMIN]: Role.ADMIN,
};

/** Routes 1 to 5. */
export function createAuthService(dependencies: AuthDependencies): ServiceImpl<typeof AuthService> {
  const { platform, sessions, refreshTokens } = dependencies;
  return {
    async register({ email = "", password = "", displayName = "", userType = UserType.UNSPECIFIED }, context) {
      if (userType === UserType.ADMIN) throw new GatewayError("ACCESS_DENIED", "Nobody registers as ADMIN.");
      // An account that is made while nobody can be signed in to it would make the client's next try a 409.
      await sessions.demandUsable();
      const { user } = await platform.users.createUser({ email, password, displayName, userType }, context);
      tellSignedIn(email, context);
      return { session: await signIn(demandAnswer(user, "user"), dependencies) };
    },

    async login({ email = "", password = "" }, context) {
      const { user } = await platform.users.authenticateUser({ email, password }, context);
      tellSignedIn(email, context);
      return { session: await signIn(demandAnswer(user, "user"), dependencies) };
    },

    async refresh({ refreshToken = "" }, context) {
      const presented = await refreshTokens.read(refreshToken);
      const session = presented && (await sessions.find(presented.sessionId));
      if (presented === undefined || session === undefined) throw refreshRefused();
      // Asked before the token is used up: while the User Service is down, a client can try again with the same one.
      const user = await fetchUser(session, dependencies, context);
      const rotation = await sessions.rotate(presented.sessionId, presented.generation);
      switch (rotation.kind) {
        case "rotated":
        case "repeated":
          tellSignedIn(user.email, context);
          return { session: await tokensFor(user, presented.sessionId, rotation.generation, dependencies) };
        case "replayed":
        case "unknown":
          throw refreshRefused();
      }
    },

    async logout({ refreshToken, allSessions }, context) {
      const caller = callerOf(context);
      // The caller's own session last: where the store fails before that, the same access token can try again.
      if (refreshToken !== undefined) await endOtherSession(refreshToken, caller, dependencies);
      if (allSessions === true) await sessions.revokeUser(caller.userId);
      await endSession(caller, dependencies);
      return { message: "Logged out successfully" };
    },

    async getMe(_request, context) {
      const { user } = await platform.users.getUser({ userId: callerOf(context).userId }, context);
      return { user: toPublicUser(demandAnswer(user, "user")) };
    },
  };
}

/** The edge takes whoever comes from here for no stranger to the account any more. */
function tellSignedIn(email: string, { values }: Pick<HandlerContext, "values">): void {
  requestContextOf(values).signedIn?.(email);
}

/** A sign-in begins a session of its own: an older one is never upgraded. */
async function signIn(user: User, dependencies: AuthDependencies) {
  const { sessions, refreshLifetimeSeconds, now } = dependencies;
  const sessionId = crypto.randomUUID();
  // Before the session exists: there is no use for one whose tokens cannot be minted.
  const { userId } = holderFrom(user);
  await sessions.create({ sessionId, userId, expiresAtMs: now() + refreshLifetimeSeconds * 1000 });
  return tokensFor(user, sessionId, 1, dependencies);
}

async function tokensFor(
  user: User,
  sessionId: string,
  generation: number,
  { accessTokens, refreshTokens }: AuthDependencies,
) {
  const [accessToken, refreshToken] = await Promise.all([
    accessTokens.mint({ ...holderFrom(user), sessionId }),
    refreshTokens.mint({ sessionId, generation }),
  ]);
  const expiresIn = accessTokens.lifetimeSeconds;
  return { accessToken, refreshToken, tokenType: "bearer", expiresIn, user: toPublicUser(user) };
}

/** Who a token is for. One without a role or an id would be refused on its first use, so it is not given out. */
function holderFrom({ userId, userType }: User): { readonly userId: string; readonly role: Role } {
  const role = demandAnswer(ROLES[userType], "user's type");
  return { userId: demandAnswer(isId(userId) ? userId : undefined, "user's id"), role };
}

/** The session's user as they are now: a role change works from the next refresh on. */
async function fetchUser(
  { userId, sessionId }: Session,
  { platform, sessions }: AuthDependencies,
  context: CallContext,
): Promise<User> {
  try {
    const { user } = await platform.users.getUser({ userId }, fetchedNow(context));
    // A session is one user's: no mistake of a service may turn it into another's.
    return demandAnswer(user?.userId === userId ? user : undefined, "user");
  } catch (error) {
    if (!(error instanceof GatewayError) || error.errorCode !== "NOT_FOUND") throw error;
    await sessions.revokeSession(sessionId);
    throw refreshRefused();
  }
}

async function endSession(caller: Caller, { sessions }: AuthDependencies): Promise<void> {
  if (caller.sessionId === undefined) await sessions.revokeToken(caller.tokenId, caller.expiresAtSeconds);
  else await sessions.revokeSession(caller.sessionId);
}

/** Ends the session of a refresh token if it is the caller's and the newest. Any other changes nothing. */
async function endOtherSession(refreshToken: string, caller: Caller, dependencies: AuthDependencies): Promise<void> {
  const { refreshTokens, sessions } = dependencies;
  const presented = await refreshTokens.read(refreshToken);
  const session = presented && (await sessions.find(presented.sessionId));
  if (session?.userId !== caller.userId || presented?.generation !== session.generation) return;
  await sessions.revokeSession(session.sessionId);
}

function refreshRefused(): GatewayError {
  return authenticationError("The refresh token is not valid.", "invalid_grant");
}
