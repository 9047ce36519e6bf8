import type { DatabaseSync } from "node:sqlite";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ProposalState, TaskLifecycleStatus } from "#gen/platform/common/v1/common_pb.ts";
import type { ProposalSchema } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";

/** One task offered to one developer. */
export interface Proposal {
  proposalId: string;
  taskId: string;
  taskTitle: string;
  userId: string;
  score: number;
  strategy: string;
  state: ProposalState;
  /** What the developer said to it. */
  reason: string;
  /** Milliseconds since 1970. */
  proposedAt: number;
  expiresAt: number;
  respondedAt: number | null;
}

/** Which proposals to list; a filter at its default does not narrow. */
export interface ProposalQuery {
  userId: string;
  taskId: string;
  state: ProposalState;
  limit: number;
  offset: number;
}

type ProposalRow = {
  proposal_id: string;
  task_id: string;
  task_title: string;
  user_id: string;
  score: number;
  strategy: string;
  state: number;
  reason: string;
  proposed_at: number;
  expires_at: number;
  responded_at: number | null;
};

/** SQL for a proposal that can still be answered. Nothing here delivers, but a DELIVERED one would be as live. */
const live = `state IN (${ProposalState.PROPOSED}, ${ProposalState.DELIVERED})`;

/** Whether a proposal in this state can still be answered. */
export function isLive(state: ProposalState): boolean {
  return state === ProposalState.PROPOSED || state === ProposalState.DELIVERED;
}

/** The stored proposals. */
export type Proposals = ReturnType<typeof createProposals>;

/** Proposals in a database. */
export function createProposals(db: DatabaseSync) {
  const insert = db.prepare(`
    INSERT INTO proposals (proposal_id, task_id, task_title, user_id, score, strategy, state, reason, proposed_at,
      expires_at, responded_at)
    VALUES (:proposalId, :taskId, :taskTitle, :userId, :score, :strategy, :state, :reason, :proposedAt,
      :expiresAt, :respondedAt)`);
  const byId = db.prepare("SELECT * FROM proposals WHERE proposal_id = ?");
  const liveUsers = db.prepare(`SELECT user_id FROM proposals WHERE task_id = ? AND ${live}`);
  const answer = db.prepare(`
    UPDATE proposals SET state = ?, reason = ?, responded_at = ? WHERE proposal_id = ? RETURNING *`);
  // A live proposal needs time left and a task that is still open: one rule for what expires by itself, for a task
  // that was deleted or closed, and for the rivals of a proposal that was accepted.
  const expireStale = db.prepare(`
    UPDATE proposals SET state = ${ProposalState.EXPIRED} WHERE ${live} AND (
      expires_at <= ?
      OR task_id NOT IN (SELECT task_id FROM tasks WHERE status = ${TaskLifecycleStatus.OPEN}))
    RETURNING *`);
  const matching = `
    FROM proposals WHERE (:userId = '' OR user_id = :userId)
      AND (:taskId = '' OR task_id = :taskId)
      AND (:state = 0 OR state = :state)`;
  const count = db.prepare(`SELECT count(*) AS total ${matching}`);
  const page = db.prepare(`SELECT * ${matching} ORDER BY proposed_at DESC, seq DESC LIMIT :limit OFFSET :offset`);
  return {
    add(proposal: Proposal): void {
      insert.run({ ...proposal });
    },
    find(proposalId: string): Proposal | undefined {
      const row = byId.get(proposalId) as ProposalRow | undefined;
      return row && fromRow(row);
    },
    /** The developers who have a live proposal for the task. */
    liveUserIds(taskId: string): Set<string> {
      return new Set(liveUsers.all(taskId).map((row) => String(row.user_id)));
    },
    /** Writes down a developer's answer. */
    answer(proposalId: string, state: ProposalState, reason: string, now: number): Proposal {
      return fromRow(answer.get(state, reason, now, proposalId) as ProposalRow);
    },
    /** Expires the live proposals that cannot be accepted any more, and tells which they were. */
    expireStale: (now: number) => (expireStale.all(now) as ProposalRow[]).map(fromRow),
    /** One page, the newest first, and how many proposals all pages have. */
    list({ limit, offset, ...filters }: ProposalQuery): { proposals: Proposal[]; total: number } {
      const rows = page.all({ ...filters, limit, offset }) as ProposalRow[];
      return { proposals: rows.map(fromRow), total: Number(count.get(filters)?.total) };
    },
  };
}

/** A proposal on the wire. */
export function proposalMessage(proposal: Proposal): MessageInitShape<typeof ProposalSchema> {
  const { proposedAt, expiresAt, respondedAt, ...plain } = proposal;
  return {
    ...plain,
    proposedAt: timestampFromMs(proposedAt),
    expiresAt: timestampFromMs(expiresAt),
    ...(respondedAt === null ? {} : { respondedAt: timestampFromMs(respondedAt) }),
  };
}

function fromRow(row: ProposalRow): Proposal {
  return {
    proposalId: row.proposal_id,
    taskId: row.task_id,
    taskTitle: row.task_title,
    userId: row.user_id,
    score: row.score,
    strategy: row.strategy,
    state: row.state as ProposalState,
    reason: row.reason,
    proposedAt: row.proposed_at,
    expiresAt: row.expires_at,
    respondedAt: row.responded_at,
  };
}
