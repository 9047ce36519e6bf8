import { create } from "@bufbuild/protobuf";
import { GatewayError } from "../errors.ts";
import { type User as PublicUser, UserSchema as PublicUserSchema } from "../gen/gateway/v1/auth_pb.ts";
import {
  type Proposal as PublicProposal,
  ProposalSchema as PublicProposalSchema,
} from "../gen/gateway/v1/matching_pb.ts";
import { type Task as PublicTask, TaskSchema as PublicTaskSchema } from "../gen/gateway/v1/tasks_pb.ts";
import {
  type DeveloperProfile as PublicProfile,
  DeveloperProfileSchema as PublicProfileSchema,
} from "../gen/gateway/v1/users_pb.ts";
import type { Proposal } from "../gen/platform/orchestrator/v1/orchestrator_pb.ts";
import type { Task } from "../gen/platform/tasks/v1/tasks_pb.ts";
import type { DeveloperProfile, User } from "../gen/platform/users/v1/users_pb.ts";

// Field by field, although the messages look alike: a field that a service gains must not become public by itself.

/** What clients see of a task. */
export function toPublicTask(task: Task): PublicTask {
  const { taskId, clientId, title, description, skillTags, budgetLowerBound, budgetUpperBound } = task;
  const { repositoryUrl, status, createdAt, updatedAt, assigneeId } = task;
  return create(PublicTaskSchema, {
    taskId,
    clientId,
    title,
    description,
    skillTags,
    budgetLowerBound,
    budgetUpperBound,
    repositoryUrl,
    status,
    assigneeId,
    ...(createdAt && { createdAt }),
    ...(updatedAt && { updatedAt }),
  });
}

/** What clients see of a developer. */
export function toPublicProfile(profile: DeveloperProfile): PublicProfile {
  const { userId, displayName, email, skillTags, hourlyRate, rating, presence, updatedAt, bio, links } = profile;
  return create(PublicProfileSchema, {
    userId,
    displayName,
    email,
    skillTags,
    hourlyRate,
    rating,
    presence,
    bio,
    links,
    ...(updatedAt && { updatedAt }),
  });
}

/** What clients see of a proposal. */
export function toPublicProposal(proposal: Proposal): PublicProposal {
  const { proposalId, taskId, userId, score, strategy, state, proposedAt, expiresAt, respondedAt } = proposal;
  const { reason, taskTitle } = proposal;
  return create(PublicProposalSchema, {
    proposalId,
    taskId,
    userId,
    score,
    strategy,
    state,
    reason,
    taskTitle,
    ...(proposedAt && { proposedAt }),
    ...(expiresAt && { expiresAt }),
    ...(respondedAt && { respondedAt }),
  });
}

/** What clients see of an account: without `last_login`, which is nobody else's business. */
export function toPublicUser(user: User): PublicUser {
  const { userId, email, displayName, userType, emailVerified, createdAt, updatedAt } = user;
  return create(PublicUserSchema, {
    userId,
    email,
    displayName,
    userType,
    emailVerified,
    ...(createdAt && { createdAt }),
    ...(updatedAt && { updatedAt }),
  });
}

/** A service that answers OK without the thing itself has answered garbage. */
export function demandAnswer<T>(thing: T | undefined, what: string): T {
  if (thing !== undefined) return thing;
  throw new GatewayError("UPSTREAM_ERROR", `The platform answered without the ${what}.`);
}
