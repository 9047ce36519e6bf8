import type { DatabaseSync } from "node:sqlite";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { ProposalState, ProposalStateSchema, TaskLifecycleStatus } from "#gen/platform/common/v1/common_pb.ts";
import type { OrchestratorService } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { transaction } from "../database/transaction.ts";
import { newId } from "../ids.ts";
import { scoreCandidates } from "../recommendation/scoring.ts";
import { strategyNamed, weightsFrom } from "../recommendation/strategies.ts";
import { limitWithin, pageLimit } from "../rpc/paging.ts";
import { failedPrecondition, notFound, permissionDenied } from "../rpc/refusals.ts";
import {
  atMost,
  identifier,
  knownOrUnspecified,
  optionalIdentifier,
  requireValid,
  type Violation,
} from "../rpc/rules.ts";
import type { Tasks } from "../tasks/tasks.ts";
import type { Profiles } from "../users/profiles.ts";
import type { Bell } from "./bell.ts";
import type { ProposalEvents } from "./proposal-events.ts";
import { isLive, type Proposal, type Proposals, proposalMessage } from "./proposals.ts";

const startLimits = { default: 10, max: 50 };
const listLimits = { default: 50, max: 1000 };
const lifetimeMs = 24 * 3_600_000;

/** What the Orchestrator works with. */
export interface OrchestratorServiceParts {
  db: DatabaseSync;
  tasks: Tasks;
  profiles: Profiles;
  proposals: Proposals;
  events: ProposalEvents;
  bell: Bell;
  now: () => number;
}

/** The Orchestrator: it turns a task into proposals and carries each through its states. */
export function createOrchestratorService(parts: OrchestratorServiceParts): ServiceImpl<typeof OrchestratorService> {
  const { db, tasks, profiles, proposals, events, bell, now } = parts;

  /** Changes proposals: the changes and their events are stored together, and then watchers are woken. */
  function change(work: (time: number) => Proposal[]): Proposal[] {
    const time = now();
    const changed = transaction(db, () => {
      const result = work(time);
      for (const proposal of result) events.add(proposal, time);
      return result;
    });
    if (changed.length > 0) bell.ring();
    return changed;
  }

  /**
   * Every call begins with this, so that none sees a proposal live that is not. In a transaction of its own: a call
   * that is then refused does not undo it.
   */
  function expireStale(): void {
    change((time) => proposals.expireStale(time));
  }

  return {
    startMatching({ taskId, limit, ...request }) {
      requireValid(identifier("task_id", taskId), limitWithin(limit, startLimits));
      const strategy = strategyNamed(request.strategy);
      const task = tasks.find(taskId);
      if (task === undefined) throw notFound("task", taskId);
      if (task.status !== TaskLifecycleStatus.OPEN) throw failedPrecondition(`task ${taskId} is not open`);
      expireStale();
      const asked = proposals.liveUserIds(taskId);
      const { skillTags, budgetLowerBound, budgetUpperBound } = task;
      // -1 is all: the best of them must not be cut off before they are scored.
      const online = profiles.listOnline({ skillTags, budgetLowerBound, budgetUpperBound, limit: -1 });
      const candidates = online.filter((profile) => !asked.has(profile.userId));
      const best = scoreCandidates(task, candidates, weightsFrom({})).slice(0, pageLimit(limit, startLimits));
      const made = change((time) => {
        const all = best.map(
          ({ userId, score }): Proposal => ({
            proposalId: newId("prp"),
            taskId,
            taskTitle: task.title,
            userId,
            score,
            strategy,
            state: ProposalState.PROPOSED,
            reason: "",
            proposedAt: time,
            expiresAt: time + lifetimeMs,
            respondedAt: null,
          }),
        );
        for (const proposal of all) proposals.add(proposal);
        return all;
      });
      return { proposals: made.map(proposalMessage) };
    },

    listProposals({ userId, taskId, state, limit, offset }) {
      requireValid(
        optionalIdentifier("user_id", userId),
        optionalIdentifier("task_id", taskId),
        knownOrUnspecified("state", ProposalStateSchema, state),
        limitWithin(limit, listLimits),
      );
      expireStale();
      const page = proposals.list({ userId, taskId, state, limit: pageLimit(limit, listLimits), offset });
      return { proposals: page.proposals.map(proposalMessage), totalCount: page.total };
    },

    respondToProposal({ proposalId, userId, accept, reason }) {
      requireValid(
        identifier("proposal_id", proposalId),
        identifier("user_id", userId),
        atMost("reason", reason, 1000),
      );
      expireStale();
      const proposal = proposals.find(proposalId);
      if (proposal === undefined) throw notFound("proposal", proposalId);
      if (proposal.userId !== userId) throw permissionDenied("the proposal is for somebody else");
      if (!isLive(proposal.state)) {
        const state = ProposalStateSchema.value[proposal.state]?.localName;
        throw failedPrecondition(`the proposal is ${state} and cannot be answered any more`);
      }
      const [answered] = change((time) => {
        if (!accept) return [proposals.answer(proposalId, ProposalState.REJECTED, reason, time)];
        const accepted = proposals.answer(proposalId, ProposalState.ACCEPTED, reason, time);
        tasks.assign(proposal.taskId, userId, time);
        // The task is not open any more, and with that its other proposals have expired.
        return [accepted, ...proposals.expireStale(time)];
      });
      return { proposal: proposalMessage(answered!) };
    },

    async *watchProposals({ userId, afterEventId }, { signal }) {
      requireValid(optionalIdentifier("user_id", userId), eventId("after_event_id", afterEventId));
      expireStale();
      const after = Number(afterEventId);
      // An id that was never given out is from before the state was lost: everything is new to this client.
      let last = after > events.lastId() ? 0 : after;
      while (!signal.aborted) {
        const next = events.after(last, userId);
        for (const event of next) {
          yield event.message;
          last = event.id;
        }
        // Nothing can be stored between the empty read and the wait: both happen in one turn.
        if (next.length === 0) await bell.wait(signal);
      }
      // A client that went and a service that stops end the stream in peace; only a deadline is the caller's to know.
      const reason = ConnectError.from(signal.reason);
      if (reason.code === Code.DeadlineExceeded) throw reason;
    },
  };
}

/** An event's id, or empty: everything that is stored comes after that. */
function eventId(field: string, value: string): Violation {
  return /^\d{0,15}$/.test(value) ? undefined : `${field} is not the id of an event`;
}
