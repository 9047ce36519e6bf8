import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { callerOf } from "../context.ts";
import type { MatchingService } from "../gen/gateway/v1/matching_pb.ts";
import { ProposalState } from "../gen/platform/common/v1/common_pb.ts";
import type { Proposal } from "../gen/platform/orchestrator/v1/orchestrator_pb.ts";
import type { Platform } from "../upstream/platform.ts";
import { demandTaskOwner, type ProposalScope, proposalScope } from "./access.ts";
import { demandAnswer, toPublicProposal } from "./public-messages.ts";
import { DEFAULT_CANDIDATES, DEFAULT_STRATEGY } from "./scoring-defaults.ts";
import { fetchTask } from "./tasks.ts";

const DEFAULT_PAGE = 50;

type ProposalCalls = Pick<
  ServiceImpl<typeof MatchingService>,
  "startMatching" | "listProposals" | "acceptProposal" | "rejectProposal" | "watchProposals"
>;

/** Routes 21 to 25. */
export function createProposalCalls(platform: Platform): ProposalCalls {
  const scopeOf = (taskId: string | undefined, context: HandlerContext): Promise<ProposalScope> =>
    proposalScope(callerOf(context), taskId ?? "", (id) => fetchTask(platform, id, context));

  /** Whether the proposal is for the caller is for the Orchestrator to say, which has it: no rpc would tell us before. */
  const respond = async (proposalId: string, answer: { accept: boolean; reason: string }, context: HandlerContext) => {
    const { userId } = callerOf(context);
    const { proposal } = await platform.orchestrator.respondToProposal({ proposalId, userId, ...answer }, context);
    return { proposal: toPublicProposal(demandAnswer(proposal, "proposal")) };
  };

  return {
    async startMatching({ taskId, limit = DEFAULT_CANDIDATES, strategy = DEFAULT_STRATEGY }, context) {
      demandTaskOwner(callerOf(context), await fetchTask(platform, taskId, context));
      const { proposals } = await platform.orchestrator.startMatching({ taskId, limit, strategy }, context);
      return { proposals: proposals.map(toPublicProposal) };
    },

    async listProposals({ taskId, state = ProposalState.UNSPECIFIED, limit = DEFAULT_PAGE, offset }, context) {
      const scope = await scopeOf(taskId, context);
      const { proposals, totalCount } = await platform.orchestrator.listProposals(
        { ...scope, state, limit, offset },
        context,
      );
      return { proposals: proposals.map(toPublicProposal), totalCount };
    },

    acceptProposal: ({ proposalId }, context) => respond(proposalId, { accept: true, reason: "" }, context),
    rejectProposal: ({ proposalId, reason }, context) => respond(proposalId, { accept: false, reason }, context),

    /**
     * The Orchestrator tells a developer's events or all: those of other tasks are passed over here. So are those that it
     * should not have told, and those of which nobody can say whose they are: to end the stream instead would end it at
     * the same event whenever its reader comes again.
     */
    async *watchProposals({ taskId: wanted, afterEventId = "" }, context) {
      const { userId, taskId } = await scopeOf(wanted, context);
      const isTheirs = (proposal: Proposal) =>
        (userId === "" || proposal.userId === userId) && (taskId === "" || proposal.taskId === taskId);
      const events = platform.orchestrator.watchProposals({ userId, afterEventId }, context);
      for await (const { eventId, proposal, occurredAt } of events) {
        if (proposal === undefined || !isTheirs(proposal)) continue;
        yield { eventId, proposal: toPublicProposal(proposal), ...(occurredAt && { occurredAt }) };
      }
    },
  };
}
