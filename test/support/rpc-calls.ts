import { expect } from "vitest";
import { ProposalState, UserPresenceStatus, UserType } from "#gen/platform/common/v1/common_pb.ts";
import { type Person, register } from "./gateway-under-test.ts";
import type { World } from "./rest-routes.ts";
import { newEmail, newMatch, newProposal, newTask, PASSWORD } from "./samples.ts";

export interface ReadyRpc {
  readonly request?: object;
  readonly by?: Person;
  /** A part of the answer; of a stream, of its first message. */
  readonly answers: object;
}

const VALUES = {
  title: "Build a gateway",
  description: "REST in front, gRPC behind.",
  skillTags: ["typescript", "grpc"],
  budgetLowerBound: 60,
  budgetUpperBound: 100,
};
const signedIn = { session: { tokenType: "bearer" } };

/** A call of every rpc that succeeds; made anew for each try, since some calls work once. */
export const RPC_CALLS: Readonly<Record<string, (world: World) => ReadyRpc | Promise<ReadyRpc>>> = {
  "AuthService.Register": () => ({
    request: { email: newEmail(), password: PASSWORD, displayName: "Sam Ple", userType: UserType.CLIENT },
    answers: signedIn,
  }),
  "AuthService.Login": ({ client: { email, password } }) => ({ request: { email, password }, answers: signedIn }),
  "AuthService.Refresh": async ({ url }) => ({
    request: { refreshToken: (await register(url, "CLIENT")).refreshToken },
    answers: signedIn,
  }),
  "AuthService.Logout": async ({ url }) => ({
    by: await register(url, "CLIENT"),
    answers: { message: "Logged out successfully" },
  }),
  "AuthService.GetMe": ({ client }) => ({
    by: client,
    answers: { user: { userId: client.userId, email: client.email, userType: UserType.CLIENT } },
  }),
  "UsersService.CreateDeveloper": async ({ url }) => ({
    by: await register(url, "DEVELOPER"),
    request: { displayName: "Dee Veloper", email: newEmail(), skillTags: ["grpc"], hourlyRate: 80 },
    answers: { profile: { displayName: "Dee Veloper", hourlyRate: 80, presence: UserPresenceStatus.OFFLINE } },
  }),
  "UsersService.UpdateDeveloper": ({ developer }) => ({
    by: developer,
    request: { userId: developer.userId, changes: { bio: "New" } },
    answers: { message: "Profile updated successfully" },
  }),
  "UsersService.UpdatePresence": ({ developer }) => ({
    by: developer,
    request: { userId: developer.userId, presence: UserPresenceStatus.SEARCHING },
    answers: { message: "Presence updated successfully" },
  }),
  "UsersService.ListDevelopers": ({ client }) => ({
    by: client,
    request: { skillTags: ["grpc"], limit: 1 },
    answers: { developers: [{ skillTags: ["typescript", "grpc"] }] },
  }),
  "UsersService.GetDeveloper": ({ client, developer: { userId } }) => ({
    by: client,
    request: { userId },
    answers: { profile: { userId, hourlyRate: 80 } },
  }),
  "UsersService.GetCurrentUser": ({ developer: by }) => ({
    by,
    answers: { userId: by.userId, developerProfile: { userId: by.userId } },
  }),
  "TasksService.CreateTask": ({ client: by }) => ({
    by,
    request: VALUES,
    answers: { task: { title: VALUES.title, clientId: by.userId } },
  }),
  "TasksService.GetTask": ({ client: by, taskId }) => ({ by, request: { taskId }, answers: { task: { taskId } } }),
  "TasksService.UpdateTask": async ({ url, client: by }) => ({
    by,
    request: { taskId: await newTask(url, by), changes: { title: "Another" } },
    answers: { message: "Task updated successfully" },
  }),
  "TasksService.ListTasks": ({ client: by }) => ({
    by,
    request: { limit: 1 },
    answers: { tasks: [{ clientId: by.userId }], totalCount: expect.any(Number) },
  }),
  "TasksService.DeleteTask": async ({ url, client: by }) => ({
    by,
    request: { taskId: await newTask(url, by) },
    answers: { message: "Task deleted successfully" },
  }),
  "MatchingService.ScoreCandidates": ({ client: by, taskId }) => ({
    by,
    request: { ...VALUES, taskId, limit: 5, strategy: "balanced" },
    answers: { metadata: { taskId, strategyUsed: "balanced" } },
  }),
  "MatchingService.FilterCandidates": ({ client: by, developer, taskId }) => ({
    by,
    request: { ...VALUES, taskId, candidateUserIds: [developer.userId], minRating: 0 },
    answers: {},
  }),
  "MatchingService.GetRecommendations": ({ client: by, taskId }) => ({
    by,
    request: { taskId, limit: 1 },
    answers: { metadata: { taskId } },
  }),
  "MatchingService.GetMatchingHealth": ({ client: by }) => ({ by, answers: { healthy: true } }),
  "MatchingService.StartMatching": async ({ url, client: by }) => {
    const { taskId, developer } = await newMatch(url, by);
    const proposal = { taskId, userId: developer.userId, state: ProposalState.PROPOSED, strategy: "greedy" };
    return { by, request: { taskId, limit: 1, strategy: "greedy" }, answers: { proposals: [proposal] } };
  },
  "MatchingService.ListProposals": async ({ url, client: by }) => {
    const { taskId, proposalId } = await newProposal(url, by);
    return { by, request: { taskId, limit: 1 }, answers: { proposals: [{ proposalId }], totalCount: 1 } };
  },
  "MatchingService.AcceptProposal": async ({ url, client }) => {
    const { proposalId, developer: by } = await newProposal(url, client);
    const proposal = { proposalId, userId: by.userId, state: ProposalState.ACCEPTED };
    return { by, request: { proposalId }, answers: { proposal } };
  },
  "MatchingService.RejectProposal": async ({ url, client }) => {
    const { proposalId, developer: by } = await newProposal(url, client);
    const proposal = { proposalId, userId: by.userId, state: ProposalState.REJECTED, reason: "Too far." };
    return { by, request: { proposalId, reason: "Too far." }, answers: { proposal } };
  },
  "MatchingService.WatchProposals": async ({ url, client }) => {
    const { proposalId, developer: by } = await newProposal(url, client);
    return { by, answers: { eventId: expect.stringMatching(/\S/), proposal: { proposalId, userId: by.userId } } };
  },
};
